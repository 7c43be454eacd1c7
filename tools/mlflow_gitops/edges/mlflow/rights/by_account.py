"""Rights on servers before MLflow 3.13: one permission for each account and model."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from mlflow_gitops.core.setup.rights.server_rights import (
    MODEL,
    Grant,
    Resource,
    ServerAccount,
)
from mlflow_gitops.edges.mlflow.rights.requests import AuthServer
from mlflow_gitops.edges.mlflow.server_errors import NOT_FOUND
from mlflow_gitops.errors import RegistryFailure

_USER = "2.0/mlflow/users/get"
_PERMISSIONS = "2.0/mlflow/registered-models/permissions"


class RightsByAccount:
    """Reads and writes these rights. Prompts are models there."""

    lists_accounts = False

    def __init__(self, server: AuthServer) -> None:
        self._server = server

    def accounts(self, names: Collection[str]) -> dict[str, ServerAccount]:
        """The named accounts that the server has: it lists none."""
        accounts = {}
        for name in names:
            try:
                user = self._server.get(_USER, username=name).get("user")
            except RegistryFailure as failure:
                if failure.code != NOT_FOUND:
                    raise
                continue
            accounts[name] = _account(name, user if isinstance(user, dict) else {})
        return accounts

    def default(self, accounts: Collection[ServerAccount]) -> str | None:
        """The server does not show its `default_permission`."""
        return None

    def grant(self, account: str, resource: Resource, before: str | None, permission: str) -> None:
        """Let an account have a permission."""
        method, verb = ("POST", "create") if before is None else ("PATCH", "update")
        self._server.send(
            method,
            f"{_PERMISSIONS}/{verb}",
            name=resource.name,
            username=account,
            permission=permission,
        )

    def revoke(self, account: str, resource: Resource) -> None:
        """Take an account's permission away, so that the default one counts."""
        self._server.send("DELETE", f"{_PERMISSIONS}/delete", name=resource.name, username=account)


def _account(name: str, user: dict[str, Any]) -> ServerAccount:
    grants = tuple(
        Grant(Resource(MODEL, str(entry.get("name"))), str(entry.get("permission")))
        for entry in user.get("registered_model_permissions") or ()
    )
    return ServerAccount(name, bool(user.get("is_admin")), grants)
