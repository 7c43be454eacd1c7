"""What `rights` changes, for which account, and what it leaves as it is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlflow_gitops.core.manifests.policy import Policy
from mlflow_gitops.core.manifests.policy_file import read_policy
from mlflow_gitops.core.setup.rights.accounts import Accounts, accounts_of
from mlflow_gitops.core.setup.rights.difference import RightsPlan, rights_plan
from mlflow_gitops.core.setup.rights.server_rights import (
    EVERY,
    MODEL,
    VERSIONS,
    Grant,
    Resource,
    ServerAccount,
    ServerRights,
)

ACCOUNTS = Accounts("robot", ("serving",), {"train": ("fraud*",)})
FRAUD, CHURN, OTHER = (Resource(MODEL, name) for name in ("fraud", "churn", "other"))
ALL, ALL_VERSIONS = Resource(MODEL, EVERY), Resource(VERSIONS[MODEL], EVERY)
NEWEST = ServerRights(
    "3.17.2",
    has_roles=True,
    grants_on_versions=True,
    default="READ",
    models={"fraud": MODEL, "churn": MODEL},
    with_aliases=["churn"],
)
OLDER = replace(NEWEST, version="3.13.0", grants_on_versions=False)
OLDEST = replace(OLDER, version="3.4.0", has_roles=False, lists_accounts=False, default=None)


def planned(server: ServerRights = NEWEST, **grants: list[Grant]) -> RightsPlan:
    """The plan for a server on which the accounts have these grants of their own."""
    accounts = {name: ServerAccount(name, grants=tuple(held)) for name, held in grants.items()}
    named = {user: ServerAccount(user) for user, _ in ACCOUNTS}
    return rights_plan("server", ACCOUNTS, replace(server, accounts=named | accounts), 0)


def steps(plan: RightsPlan, account: str) -> dict[str, tuple[str | None, str | None]]:
    return {
        str(change.resource): (change.before, change.after)
        for change in plan.changes
        if change.account == account
    }


def test_the_reconciler_manages_each_managed_model() -> None:
    assert steps(planned(), "robot") == {"churn": (None, "MANAGE"), "fraud": (None, "MANAGE")}
    held = [Grant(FRAUD, "MANAGE"), Grant(CHURN, "EDIT"), Grant(OTHER, "READ")]
    plan = planned(robot=held)
    assert steps(plan, "robot") == {"churn": ("EDIT", "MANAGE")}
    assert plan.changes[0].account == "robot", "what a run needs comes first"


@pytest.mark.parametrize("permission", ["READ", "DENY", "EDIT", "MANAGE"])
def test_a_grant_on_versions_is_none_of_the_reconcilers(permission: str) -> None:
    plan = planned(robot=[Grant(ALL_VERSIONS, permission)])
    assert steps(plan, "robot")[str(ALL_VERSIONS)] == (permission, None)


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        (NEWEST, {"fraud": (None, "EDIT"), str(ALL_VERSIONS): (None, "READ")}),
        (replace(NEWEST, with_aliases=["fraud"]), {}),
        (OLDER, {}),
        (OLDEST, {"fraud": (None, "READ")}),
    ],
)
def test_a_trainer_registers_only_where_that_promotes_nothing(
    server: ServerRights, expected: dict[str, tuple[str | None, str | None]]
) -> None:
    assert steps(planned(server), "train") == expected


@pytest.mark.parametrize("server", [NEWEST, OLDER, OLDEST])
def test_the_creator_of_a_model_does_not_keep_it(server: ServerRights) -> None:
    held = [Grant(CHURN, "MANAGE"), Grant(OTHER, "MANAGE"), Grant(ALL, "EDIT")]
    taken = steps(planned(server, train=held), "train")
    assert taken["churn"] == ("MANAGE", None) and taken[str(ALL)] == ("EDIT", None)
    assert "other" not in taken, "no manifest is of it"


@pytest.mark.parametrize("server", [NEWEST, OLDER, OLDEST])
def test_a_reader_reads(server: ServerRights) -> None:
    is_shown = server.default is not None
    plan = planned(server, serving=[Grant(FRAUD, "EDIT")])
    assert steps(plan, "serving")["fraud"] == ("EDIT", None if is_shown else "READ")
    assert ("churn" in steps(plan, "serving")) != is_shown, "READ is everybody's by default"


def test_accounts_that_are_not_named_keep_their_rights() -> None:
    held = [Grant(FRAUD, "EDIT"), Grant(OTHER, "MANAGE"), Grant(CHURN, "READ")]
    server = replace(NEWEST, accounts={"admin": ServerAccount("admin", is_admin=True)})
    plan = planned(server, alice=held, bob=[Grant(ALL, "MANAGE", role="owners")])
    assert not steps(plan, "alice") and not steps(plan, "bob")
    assert [(other.name, other.grant) for other in plan.others] == [
        ("alice", held[0]),
        ("bob", Grant(ALL, "MANAGE", role="owners")),
    ]


def test_rights_by_roles_count_and_are_left() -> None:
    roles = [Grant(ALL, "MANAGE", role="platform"), Grant(ALL_VERSIONS, "READ", role="careful")]
    plan = planned(robot=roles, train=[Grant(CHURN, "MANAGE", role="platform")])
    assert steps(plan, "robot") == {} and "churn" not in steps(plan, "train")
    assert [notice for notice in plan.notices if "role careful" in notice and "robot" in notice]
    assert [notice for notice in plan.notices if "role platform" in notice and "train" in notice]


def test_what_no_grant_can_put_right_is_a_notice() -> None:
    accounts = {"robot": ServerAccount("robot", is_admin=True), "serving": ServerAccount("serving")}
    server = replace(NEWEST, default="EDIT", accounts=accounts)
    plan = rights_plan("server", ACCOUNTS, server, absent=2)
    assert plan.missing_accounts == ("train",) and not steps(plan, "robot")
    words = " ".join(plan.notices)
    assert "administrator" in words and "default_permission is EDIT" in words
    assert "2 managed models not in MLflow yet" in words
    assert "does not list its accounts" in " ".join(planned(OLDEST).notices)


def test_accounts_of_a_policy() -> None:
    text = b"accounts: {reconciler: robot, readers: [serving], trainers: {train: ['fraud*']}}"
    policy, problems = read_policy(text, "policy.yaml")
    assert policy is not None and not problems and accounts_of(policy) == ACCOUNTS
    assert accounts_of(Policy()) is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{reconciler: robot, readers: [robot]}", "account-clash"),
        ("{readers: [a], trainers: {a: ['*']}}", "account-clash"),
        ("{reconciler: a, trainers: {a: ['*']}}", "account-clash"),
        ("{reconciler: 'a b'}", "bad-value"),
        ("{trainers: {a: []}}", "bad-value"),
        ("{writers: [a]}", "unknown-field"),
        ("{readers: robot}", "wrong-type"),
    ],
)
def test_wrong_accounts_are_refused(text: str, code: str) -> None:
    _, problems = read_policy(f"accounts: {text}".encode(), "policy.yaml")
    assert [problem.code for problem in problems] == [code]
