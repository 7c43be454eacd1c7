"""The users of MLflow that a policy names, and what each of them is for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from mlflow_gitops.core.manifests.policy import Policy, matches

Purpose = Literal["reconciler", "reader", "trainer"]
"""What an account is for. A reader loads what is served, a trainer trains and registers."""


@dataclass(frozen=True, slots=True)
class Accounts:
    """The accounts of one policy. `trainers` maps a user to the globs of the models it trains."""

    reconciler: str | None = None
    readers: tuple[str, ...] = ()
    trainers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __iter__(self) -> Iterator[tuple[str, Purpose]]:
        if self.reconciler is not None:
            yield self.reconciler, "reconciler"
        for user in self.trainers:
            yield user, "trainer"
        for user in self.readers:
            yield user, "reader"

    def trains(self, user: str, model: str) -> bool:
        """Whether a trainer trains a model."""
        return any(matches(model, glob) for glob in self.trainers.get(user, ()))


def accounts_of(policy: Policy) -> Accounts | None:
    """The accounts that a policy names; None if it names none."""
    declared = policy.raw.get("accounts") or {}
    accounts = Accounts(
        declared.get("reconciler"),
        tuple(declared.get("readers") or ()),
        {user: tuple(globs) for user, globs in (declared.get("trainers") or {}).items()},
    )
    return accounts if any(True for _ in accounts) else None
