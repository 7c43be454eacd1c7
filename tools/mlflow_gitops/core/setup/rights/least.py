"""The least rights that each account of the policy needs, on a server of this version.

They follow from what was tried on servers of MLflow 3.4, 3.13 and 3.17 (SECURITY.md): EDIT moves
stages and aliases, and registers; removing an alias or a version's tag takes MANAGE; and since 3.17
READ on all versions keeps EDIT from stages, though never from aliases.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mlflow_gitops.core.setup.rights.accounts import Accounts, Purpose
from mlflow_gitops.core.setup.rights.server_rights import (
    EVERY,
    MODEL,
    VERSIONS,
    Resource,
    ServerRights,
    rank,
)


@dataclass(frozen=True, slots=True)
class Need:
    """One right that an account needs at least, and why not more or less."""

    resource: Resource
    permission: str
    reason: str


def needs(accounts: Accounts, user: str, purpose: Purpose, server: ServerRights) -> list[Need]:
    """What an account needs at least."""
    if purpose == "reconciler":
        reason = "moves stages and aliases; MANAGE removes aliases and tags of versions"
        return [Need(resource, "MANAGE", reason) for resource in _resources(server)]
    if purpose == "reader":
        return list(_reads(server, "loads the model", _resources(server)))
    trained = [entry for entry in _resources(server) if accounts.trains(user, entry.name)]
    return list(_trainers_needs(trained, server))


def _trainers_needs(trained: list[Resource], server: ServerRights) -> Iterator[Need]:
    """EDIT only if nothing can be promoted with it: where stages are closed to it, and no alias
    serves the model."""
    registers = [
        entry
        for entry in trained
        if server.grants_on_versions
        and entry.kind == MODEL
        and entry.name not in server.with_aliases
    ]
    for resource in registers:
        yield Need(resource, "EDIT", "registers versions; no alias of the model is in use")
    if registers:
        versions = Resource(VERSIONS[MODEL], EVERY)
        yield Need(versions, "READ", "keeps EDIT from moving stages, for all models at once")
    others = [entry for entry in trained if entry not in registers]
    reason = "EDIT would move aliases" if server.grants_on_versions else "EDIT would move stages"
    how = "logs its model, and a manifest registers it (pin --source)"
    yield from _reads(server, f"{reason}; the job {how}", others)


def _reads(server: ServerRights, reason: str, resources: list[Resource]) -> Iterator[Need]:
    if rank(server.default) >= rank("READ"):
        return
    for resource in resources:
        yield Need(resource, "READ", reason)


def _resources(server: ServerRights) -> list[Resource]:
    return [Resource(kind, name) for name, kind in sorted(server.models.items())]
