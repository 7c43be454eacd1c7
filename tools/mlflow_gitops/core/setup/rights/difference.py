"""How what a server grants differs from the least rights that the policy's accounts need.

Only the accounts that the policy names are changed, and of them only their own grants, not those of
roles, which other accounts may share.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from mlflow_gitops.core.setup.rights.accounts import Accounts, Purpose
from mlflow_gitops.core.setup.rights.least import Need, needs
from mlflow_gitops.core.setup.rights.server_rights import (
    DENY,
    EVERY,
    VERSIONS,
    Grant,
    Resource,
    ServerAccount,
    ServerRights,
    rank,
)
from mlflow_gitops.core.wording import counted, first_few

_LISTED = 3
"""Models that a message lists."""


@dataclass(frozen=True, slots=True)
class RightsChange:
    """One grant to add, change or remove. `before` and `after` are permissions; None for none."""

    account: str
    purpose: Purpose
    resource: Resource
    before: str | None
    after: str | None
    reason: str

    @property
    def is_removal(self) -> bool:
        return self.after is None


@dataclass(frozen=True, slots=True)
class OtherAccount:
    """An account that the policy does not name, and that may change managed models by `grant`. An
    administrator may change everything, without a grant."""

    name: str
    grant: Grant | None


@dataclass(frozen=True, slots=True)
class RightsPlan:
    """What is to be changed, what is right already, and what no change here can make right."""

    address: str
    version: str | None
    changes: tuple[RightsChange, ...]
    right: int
    missing_accounts: tuple[str, ...]
    others: tuple[OtherAccount, ...]
    notices: tuple[str, ...]


def rights_plan(address: str, accounts: Accounts, server: ServerRights, absent: int) -> RightsPlan:
    """Compare. `absent` is how many managed models the server does not have."""
    changes, notices, right = list[RightsChange](), list[str](), 0
    missing = tuple(user for user, _ in accounts if user not in server.accounts)
    for user, purpose in accounts:
        account = server.accounts.get(user)
        if account is None:
            continue
        if account.is_admin:
            notices.append(
                f"{user} ({purpose}) is an administrator of MLflow, whom no grant limits; use"
                " another account."
            )
            continue
        needed = needs(accounts, user, purpose, server)
        account_changes = list(_changes(account, purpose, needed, server))
        changes += account_changes
        right += len(needed) - sum(not change.is_removal for change in account_changes)
        notices += _role_notices(account, purpose, needed, server)

    # A right that is missing stops a run; one that is too wide does not: the former come first.
    changes.sort(key=lambda change: (change.is_removal, change.purpose != "reconciler"))
    notices += _server_notices(server, absent)
    return RightsPlan(
        address,
        server.version,
        tuple(changes),
        right,
        missing,
        tuple(_others(accounts, server)),
        tuple(notices),
    )


def _changes(
    account: ServerAccount, purpose: Purpose, needed: Sequence[Need], server: ServerRights
) -> Iterator[RightsChange]:
    own = {grant.resource: grant.permission for grant in account.grants if grant.role is None}
    for need in needed:
        held = own.get(need.resource)
        if held == need.permission or (held is None and _has_by_role(account, need)):
            continue
        yield RightsChange(account.name, purpose, need.resource, held, need.permission, need.reason)

    wanted = {need.resource for need in needed}
    for resource, held in sorted(own.items()):
        if resource in wanted or not _concerns(resource, server):
            continue
        if rank(held) > rank("READ"):
            reason = f"wider than a {purpose} needs"
        elif purpose == "reconciler" and resource.kind in VERSIONS.values():
            reason = f"{held} there keeps the reconciler from moving stages"
        elif purpose == "reconciler" and held == DENY:
            reason = "DENY overrides every grant"
        else:
            continue
        yield RightsChange(account.name, purpose, resource, held, None, reason)


def _has_by_role(account: ServerAccount, need: Need) -> bool:
    """Whether roles grant a right already."""
    resources = (need.resource, Resource(need.resource.kind, EVERY))
    permissions = [
        grant.permission
        for grant in account.grants
        if grant.role is not None and grant.resource in resources
    ]
    if need.resource.kind in VERSIONS.values():
        return need.permission in permissions
    return DENY not in permissions and max(map(rank, permissions), default=-1) >= rank(
        need.permission
    )


def _concerns(resource: Resource, server: ServerRights) -> bool:
    """Whether a grant is on managed models. Those on others are nobody's business here."""
    if resource.name == EVERY:
        return resource.kind in (*VERSIONS, *VERSIONS.values())
    return server.models.get(resource.name) == resource.kind


def _role_notices(
    account: ServerAccount, purpose: Purpose, needed: Sequence[Need], server: ServerRights
) -> Iterator[str]:
    """Rights by roles that differ from what an account needs: a role may have other members."""
    permissions = {need.resource: need.permission for need in needed}
    for grant in account.grants:
        if grant.role is None or not _concerns(grant.resource, server):
            continue
        needed_permission = permissions.get(grant.resource, "READ")
        hinders = grant.permission == DENY or grant.resource.kind in VERSIONS.values()
        is_reconciler = purpose == "reconciler"
        if is_reconciler and not hinders and grant.permission == "MANAGE":
            continue
        if rank(grant.permission) > rank(needed_permission) or (is_reconciler and hinders):
            yield (
                f"{account.name} ({purpose}) has {grant.permission} on {grant.resource} by the"
                f" role {grant.role}, which is left as it is: others may have it. Take"
                f" {account.name} out of it."
            )


def _server_notices(server: ServerRights, absent: int) -> Iterator[str]:
    if rank(server.default) > rank("READ"):
        yield (
            f"default_permission is {server.default}: every account may change every model. Set it"
            " to READ in the server's auth.ini."
        )
    if not server.lists_accounts:
        yield (
            "This server does not list its accounts (MLflow before 3.13), so it is not known who"
            " else may write."
        )
    if absent:
        yield (
            f"{counted(absent, 'managed model')} not in MLflow yet: the account that creates a"
            " model has MANAGE on it."
        )


def _others(accounts: Accounts, server: ServerRights) -> Iterator[OtherAccount]:
    named = {user for user, _ in accounts}
    for account in sorted(server.accounts.values(), key=lambda entry: entry.name):
        if account.name in named:
            continue
        if account.is_admin:
            yield OtherAccount(account.name, None)
            continue
        for grant in account.grants:
            if rank(grant.permission) >= rank("EDIT") and _concerns(grant.resource, server):
                yield OtherAccount(account.name, grant)


def missing_sentence(names: Collection[str]) -> str:
    """That a server lacks accounts which the policy names."""
    return (
        f"{first_few(sorted(names), _LISTED)}: no such account on this server. Create it"
        " (SECURITY.md, Rights in MLflow), or correct accounts in the policy."
    )
