"""What an answer of MLflow's basic-auth app means, without a server."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from mlflow_gitops.core.setup.rights.server_rights import Grant, Resource, ServerAccount
from mlflow_gitops.edges.mlflow.rights.by_account import RightsByAccount
from mlflow_gitops.edges.mlflow.rights.by_role import RightsByRole
from mlflow_gitops.edges.mlflow.rights.requests import AuthServer
from mlflow_gitops.errors import RegistryFailure

FRAUD = Resource("registered_model", "fraud")


def server(monkeypatch: pytest.MonkeyPatch, *answers: tuple[int, Any]) -> tuple[AuthServer, list]:
    """An app that gives these answers, and the requests that it got."""
    requests: list[tuple[str, str, Any]] = []
    waiting = list(answers)

    def http_request(credentials: Any, path: str, method: str, **content: Any) -> Any:
        requests.append((method, path, content.get("json") or content.get("params")))
        status, document = waiting.pop(0)

        def parse() -> Any:
            if isinstance(document, str):
                raise ValueError(document)
            return document

        return SimpleNamespace(status_code=status, json=parse)

    monkeypatch.setattr("mlflow.utils.rest_utils.http_request", http_request)
    return AuthServer("http://mlflow.example", "http://mlflow.example"), requests


@pytest.mark.parametrize(
    ("status", "document", "words"),
    [
        (401, "Unauthorized", "does not accept these credentials"),
        (403, "Permission denied", "for administrators alone"),
        (404, "<html>Not Found</html>", "without MLflow's basic-auth app"),
        (404, {"detail": "Not Found"}, "without MLflow's basic-auth app"),
        (405, "<html>", "without MLflow's basic-auth app"),
        (500, {"error_code": "INTERNAL_ERROR", "message": "odd"}, "refuses this (500): odd"),
        (502, "<html>", "no reason given"),
    ],
)
def test_a_failure_says_what_it_means(
    monkeypatch: pytest.MonkeyPatch, status: int, document: Any, words: str
) -> None:
    app, _ = server(monkeypatch, (status, document))
    with pytest.raises(RegistryFailure) as failure:
        RightsByRole(app, "").accounts([])
    assert words in str(failure.value)


def test_before_roles_named_accounts_are_read_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    robot = {
        "is_admin": False,
        "registered_model_permissions": [{"name": "fraud", "permission": "EDIT"}],
    }
    missing = {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no such user"}
    app, requests = server(
        monkeypatch, (200, {"user": robot}), (404, missing), (200, {}), (200, {})
    )
    store = RightsByAccount(app)
    assert store.accounts(["robot", "nobody"]) == {
        "robot": ServerAccount("robot", False, (Grant(FRAUD, "EDIT"),))
    }
    store.grant("robot", FRAUD, "EDIT", "MANAGE")
    store.grant("serving", FRAUD, None, "READ")
    methods = [(method, path.rpartition("/")[2]) for method, path, _ in requests]
    assert methods[2:] == [("PATCH", "update"), ("POST", "create")]


def test_roles_of_one_workspace(monkeypatch: pytest.MonkeyPatch) -> None:
    def role(name: str, workspace: str, permission: str) -> dict[str, Any]:
        grant = {"resource_type": "registered_model", "resource_pattern": "fraud"}
        return {
            "name": name,
            "workspace": workspace,
            "permissions": [grant | {"permission": permission}],
        }

    roles = [
        role("__user_7__", "risk", "READ"),
        role("__user_7__", "default", "MANAGE"),
        role("owners", "risk", "EDIT"),
    ]
    user = {"id": 7, "username": "alice", "is_admin": False, "roles": roles}
    answer = (200, {"users": [user]})
    app, requests = server(monkeypatch, answer, (200, {}), (200, {}))
    store = RightsByRole(app, "risk")
    [account] = store.accounts([]).values()
    assert account.grants == (Grant(FRAUD, "READ"), Grant(FRAUD, "EDIT", "owners"))
    assert store.default([account]) is None, "every account has grants"
    store.grant("alice", FRAUD, "READ", "MANAGE")
    assert [path.rpartition("/")[2] for _, path, _ in requests[1:]] == ["revoke", "grant"]
