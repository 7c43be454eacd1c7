"""Rights on servers from MLflow 3.13 on: grants of roles, and of one hidden role for each account,
which holds the account's own grants."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from mlflow_gitops.core.setup.rights.server_rights import (
    MODEL,
    Grant,
    Resource,
    ServerAccount,
)
from mlflow_gitops.edges.mlflow.rights.requests import AuthServer

_USERS = "2.0/mlflow/users/list"
_PERMISSIONS = "3.0/mlflow/users/permissions"
_DEFAULT_WORKSPACE = "default"


class RightsByRole:
    """Reads and writes these rights in one workspace; "" is MLflow's default one."""

    lists_accounts = True

    def __init__(self, server: AuthServer, workspace: str) -> None:
        self._server = server
        self._workspace = workspace or _DEFAULT_WORKSPACE

    def accounts(self, names: Collection[str]) -> dict[str, ServerAccount]:
        """Every account of the server."""
        users = self._server.get(_USERS).get("users") or ()
        return {str(user["username"]): self._account(user) for user in users}

    def default(self, accounts: Collection[ServerAccount]) -> str | None:
        """The server's `default_permission`: what an account without grants may do with a model
        that is not there. None if every account has grants."""
        for account in accounts:
            if account.is_admin or account.grants:
                continue
            answer = self._server.get(
                f"{_PERMISSIONS}/get",
                username=account.name,
                resource_type=MODEL,
                resource_id=f"mlflow-gitops-{uuid.uuid4().hex}",
            )
            permission = answer.get("permission")
            return permission if isinstance(permission, str) else None
        return None

    def grant(self, account: str, resource: Resource, before: str | None, permission: str) -> None:
        """Let an account have a permission, by its own role. The server adds grants and changes
        none (3.13 to 3.17), so another one is removed first; if the second request fails, the
        account has less, never more."""
        if before is not None:
            self.revoke(account, resource)
        self._server.send(
            "POST",
            f"{_PERMISSIONS}/grant",
            username=account,
            resource_type=resource.kind,
            resource_id=resource.name,
            permission=permission,
        )

    def revoke(self, account: str, resource: Resource) -> None:
        """Take an account's own grant away."""
        self._server.send(
            "POST",
            f"{_PERMISSIONS}/revoke",
            username=account,
            resource_type=resource.kind,
            resource_id=resource.name,
        )

    def _account(self, user: Mapping[str, Any]) -> ServerAccount:
        grants = tuple(self._grants(user))
        return ServerAccount(str(user["username"]), bool(user.get("is_admin")), grants)

    def _grants(self, user: Mapping[str, Any]) -> Iterator[Grant]:
        own_role = f"__user_{user.get('id')}__"
        for role in user.get("roles") or ():
            if role.get("workspace", _DEFAULT_WORKSPACE) != self._workspace:
                continue
            name = None if role["name"] == own_role else str(role["name"])
            for entry in role.get("permissions") or ():
                resource = Resource(entry["resource_type"], entry["resource_pattern"])
                yield Grant(resource, entry["permission"], name)
