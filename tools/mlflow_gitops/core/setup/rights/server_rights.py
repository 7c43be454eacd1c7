"""What an MLflow server with the basic-auth app grants to whom, as plain values."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

MODEL, PROMPT = "registered_model", "prompt"
VERSIONS = {MODEL: "registered_model_version", PROMPT: "prompt_version"}
"""For each kind of model, the resource that all versions of all such models are (MLflow 3.17)."""

EVERY = "*"
RANKS = ("NO_PERMISSIONS", "READ", "USE", "EDIT", "MANAGE")
"""MLflow's permissions, the lower ones first. DENY is none of them: it overrides all."""
DENY = "DENY"


@dataclass(frozen=True, slots=True, order=True)
class Resource:
    """What a right is on: a kind of MLflow's, and a name or `*`."""

    kind: str
    name: str

    def __str__(self) -> str:
        if self.kind in VERSIONS.values():
            return f"the versions of every {self.kind.removesuffix('_version')}"
        return f"every {self.kind}" if self.name == EVERY else self.name


@dataclass(frozen=True, slots=True)
class Grant:
    """One right of one account. `role` is the role that brings it; None if it is the account's
    own."""

    resource: Resource
    permission: str
    role: str | None = None


@dataclass(frozen=True, slots=True)
class ServerAccount:
    """One account of a server."""

    name: str
    is_admin: bool = False
    grants: tuple[Grant, ...] = ()


@dataclass(frozen=True, slots=True)
class ServerRights:
    """What a server grants. `lists_accounts` is False before MLflow 3.13, where only accounts that
    are named can be read. `default` is its `default_permission`, None if it does not show it.
    `models` are the managed models that it has, each with its kind; `with_aliases` those that have
    an alias, or are to have one."""

    version: str | None
    has_roles: bool
    grants_on_versions: bool
    accounts: Mapping[str, ServerAccount] = field(default_factory=dict)
    lists_accounts: bool = True
    default: str | None = None
    models: Mapping[str, str] = field(default_factory=dict)
    with_aliases: Collection[str] = ()


def rank(permission: str | None) -> int:
    """How far a permission goes: -1 for none, or for one that this program does not know."""
    return RANKS.index(permission) if permission in RANKS else -1
