"""Reads what a server grants, compares it with what the policy's accounts need, and changes it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.manifests.snapshot import Snapshot
from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.core.observed.server_version import ROLES, SUB_RESOURCES
from mlflow_gitops.core.setup.rights.accounts import Accounts
from mlflow_gitops.core.setup.rights.difference import RightsChange, RightsPlan, rights_plan
from mlflow_gitops.core.setup.rights.server_rights import (
    MODEL,
    PROMPT,
    Resource,
    ServerAccount,
    ServerRights,
)
from mlflow_gitops.errors import Failure, RegistryFailure

if TYPE_CHECKING:
    from mlflow_gitops.edges.mlflow.registry import Registry


class RightsStore(Protocol):
    """Where a server keeps rights: by account, or by role."""

    lists_accounts: bool

    def accounts(self, names: Collection[str]) -> dict[str, ServerAccount]: ...

    def default(self, accounts: Collection[ServerAccount]) -> str | None: ...

    def grant(
        self, account: str, resource: Resource, before: str | None, permission: str
    ) -> None: ...

    def revoke(self, account: str, resource: Resource) -> None: ...


@dataclass(frozen=True, slots=True)
class FailedChange:
    """A change that the server refused, or that it answered and does not show."""

    change: RightsChange
    reason: str


class RightsComparison:
    """The rights on one server, for one snapshot of manifests and policy."""

    def __init__(
        self, workspace: Workspace, registry: Registry, snapshot: Snapshot, accounts: Accounts
    ) -> None:
        self._workspace = workspace
        self._registry = registry
        self._snapshot = snapshot
        self._accounts = accounts
        self._store = _store(registry)

    def plan(self) -> RightsPlan:
        """What differs now. Raises RegistryFailure."""
        models = self._models()
        accounts = self._store.accounts([user for user, _ in self._accounts])
        version = self._registry.version
        has_roles = self._store.lists_accounts
        server = ServerRights(
            version.text,
            has_roles=has_roles,
            grants_on_versions=has_roles and version.has(SUB_RESOURCES),
            accounts=accounts,
            lists_accounts=has_roles,
            default=self._store.default(accounts.values()),
            models={
                name: PROMPT if has_roles and model.is_prompt else MODEL
                for name, model in models.items()
            },
            with_aliases={name for name, model in models.items() if self._has_aliases(name, model)},
        )
        absent = len(self._snapshot.manifests) - len(models)
        return rights_plan(self._registry.display_uri, self._accounts, server, absent)

    def apply(self, changes: Sequence[RightsChange]) -> tuple[RightsPlan, list[FailedChange]]:
        """Make the changes one after the other, and read back: what differs then, and which changes
        failed. One that fails does not stop the others."""
        failed = list(self._attempts(changes))
        after = self.plan()
        refused = {failure.change for failure in failed}
        silent = [change for change in after.changes if change in changes and change not in refused]
        failed += [FailedChange(change, "the server shows it unchanged") for change in silent]
        return after, failed

    def _attempts(self, changes: Sequence[RightsChange]) -> Iterator[FailedChange]:
        self._registry.begin_writing()
        for change in changes:
            try:
                if change.after is None:
                    self._store.revoke(change.account, change.resource)
                else:
                    self._store.grant(change.account, change.resource, change.before, change.after)
            except RegistryFailure as failure:
                yield FailedChange(change, str(failure))

    def _models(self) -> dict[str, ObservedModel]:
        """The managed models that the server has and that no other repository manages."""
        names = list(self._snapshot.manifests)
        prompts = [
            name for name, entry in self._snapshot.manifests.items() if entry.kind != "model"
        ]
        observed = self._registry.observe(names, only=True, prompts=prompts) if names else {}
        line = self._workspace.git.first_parent_line(self._workspace.git.resolve("HEAD"))
        owner = self._workspace.owner(line)
        return {
            name: model
            for name, model in observed.items()
            if name in self._snapshot.manifests and model.owner in (None, owner)
        }

    def _has_aliases(self, name: str, model: ObservedModel) -> bool:
        manifest = self._snapshot.manifests[name]
        rules = self._snapshot.policy.for_model(name, manifest.kind)
        return bool(model.aliases or manifest.aliases or rules.stage_aliases)


def _store(registry: Registry) -> RightsStore:
    """How this server keeps rights. Raises RegistryFailure if it is no server that has any."""
    if not registry.uri.startswith(("http://", "https://")):
        raise RegistryFailure(
            f"{registry.display_uri} is not a server of MLflow, so MLflow grants no rights there.",
            fix="Grant rights where the store is: on the database, the files or in Databricks.",
        )
    if registry.version.text is None:
        raise RegistryFailure(
            f"{registry.display_uri} does not state its version, on which it depends how rights"
            " are kept.",
            fix="Let the proxy before it pass /version.",
        )
    from mlflow_gitops.edges.mlflow.rights.by_account import RightsByAccount
    from mlflow_gitops.edges.mlflow.rights.by_role import RightsByRole
    from mlflow_gitops.edges.mlflow.rights.requests import AuthServer

    server = AuthServer(registry.uri, registry.display_uri)
    if registry.version.has(ROLES):
        return RightsByRole(server, registry.workspace)
    return RightsByAccount(server)


def merged_snapshot(workspace: Workspace) -> Snapshot:
    """What HEAD has, if it is merged: only that changes a server."""
    commit = workspace.git.resolve("HEAD")
    if commit not in workspace.main_line:
        raise Failure(
            f"{commit[:12]} is not on the main line of {workspace.main_ref}; only what is merged"
            " changes rights.",
            fix="Merge or push it first, or name the main branch with --main.",
        )
    return workspace.at(commit)
