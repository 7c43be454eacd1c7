"""Record what a reconcile did: a receipt in git, its digest on the models it changed (RULES R6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from mlflow_gitops.app.reconciling.apply import RegistryWriter
from mlflow_gitops.app.runners import current_runner
from mlflow_gitops.app.workspace import now_utc
from mlflow_gitops.core.audit.receipt_format import (
    receipt_line,
    recorded_outcome,
    recovered_outcome,
)
from mlflow_gitops.core.audit.receipts import RECEIPT_TAG, Receipt, last_commit, newest
from mlflow_gitops.core.audit.unrecorded import unrecorded, unstamped
from mlflow_gitops.core.plan.outcome import Outcome
from mlflow_gitops.core.plan.plan import Change, Plan
from mlflow_gitops.edges.git.notes import Notes
from mlflow_gitops.errors import GitFailure

Retold = Callable[[str, str, "str | None"], Sequence[Change]]
"""A model, the commit that it is stamped with and that of the receipt before, to what a run did
that left no receipt."""


@dataclass(slots=True)
class Recorder:
    """Writes the receipts of one run. What cannot be recorded, the next run recovers."""

    notes: Notes
    registry: RegistryWriter
    owner: str | None
    about: Mapping[str, str]
    """What every receipt of this run says of where it happened: registry, workspace."""
    push: bool = False
    writers: int = 1
    """How many models may be stamped side by side."""
    line: Mapping[str, int] = field(default_factory=dict)
    """The commits of the main line and their places."""

    def fetch(self) -> str | None:
        """Bring in what other clones recorded; why not, if it cannot be had."""
        try:
            self.notes.fetch()
        except GitFailure as failure:
            return str(failure)
        return None

    def recover(
        self,
        plan: Plan,
        named: Mapping[str, str | None],
        retold: Retold = lambda *_: (),
        pruned: Mapping[str, str] = MappingProxyType({}),
    ) -> list[str]:
        """Add a receipt for each stamp that none explains: a run died before it could write one.
        Returns the models.

        `named` is the receipt that each model's stamp names; one that a run could not write any
        more is written now. `retold` says what of a model's state that run can have made; `pruned`
        are models without a manifest that were reconciled to that, each to the commit of its stamp.
        Without --push-receipts a clone that has a remote may simply lack the receipts, so nothing
        is concluded from that; nor in a shallow clone, which does not know whose receipts are its
        own.
        """
        stamped = {
            m.model: m.base
            for m in plan.models
            if m.base and not any(r.code == "owner" for r in m.refusals)
        }
        stamped |= pruned
        known = self.notes.receipts()
        for digest, behind in unstamped(
            {name: named.get(name) for name in stamped}, known, self.owner
        ).items():
            self._stamp(behind, digest)
        if self.owner is None or (self.notes.remote is not None and not self.push):
            return []
        found = unrecorded(stamped, known, self.owner, self.line)
        recovered: list[str] = []
        for commit, models in found.items():
            applied = [
                recovered_outcome(name, retold(name, commit, last_commit(known, name)))
                for name in models
            ]
            self._write(commit, {**self._head(), "recovered": True, "models": applied}, models)
            recovered += models
        return recovered

    def record(self, commit: str, outcomes: Sequence[Outcome]) -> str | None:
        """Write the receipt of this run; its digest, or None where there was nothing to record.
        What earlier runs could not push is pushed with it.

        Raises GitFailure or RegistryFailure where it could not be written, pushed or stamped:
        applied, not recorded.
        """
        done = [
            outcome
            for outcome in outcomes
            if outcome.result in ("applied", "failed") or outcome.changes
        ]
        digest = None
        if done:
            told = [
                outcome
                for outcome in outcomes
                if outcome in done or outcome.result in ("refused", "deferred")
            ]
            stamped = [
                outcome.model for outcome in done if outcome.result == "applied" or outcome.changes
            ]
            self.owner = self.owner or self._owner_of(stamped)
            content = {**self._head(), "models": [recorded_outcome(outcome) for outcome in told]}
            digest = self._write(commit, content, stamped)
        if self.push and self.notes.ahead():
            self.notes.push()
        return digest

    def _write(self, commit: str, content: Mapping[str, Any], models: Sequence[str]) -> str:
        content = {**content, "commit": commit}
        line = receipt_line(content, newest(self.notes.receipts()))
        self.notes.add(commit, line)
        digest = Receipt(commit, line, content).digest
        self._stamp(models, digest)
        return digest

    def _stamp(self, models: Sequence[str], digest: str) -> None:
        """Name a receipt on the models that it tells of; on all that can be reached, even if one
        cannot."""
        with ThreadPoolExecutor(self.writers, "stamp") as pool:
            each = [
                pool.submit(self.registry.set_tag, name, None, RECEIPT_TAG, digest)
                for name in models
            ]
        for one in each:
            one.result()

    def _owner_of(self, models: Sequence[str]) -> str | None:
        """Whose models these are by their stamps: a shallow clone does not know its root, and
        writes what bears one already."""
        found = (
            seen.owner
            for name in models
            if (seen := self.registry.read(name)) is not None and seen.owner
        )
        return next(found, None)

    def _head(self) -> dict[str, Any]:
        return {"at": now_utc("milliseconds"), "owner": self.owner, **self.about, "by": self._who()}

    def _who(self) -> str | None:
        """Who ran this: the login that started the CI job, else git's own user."""
        if actor := current_runner().actor:
            return f"@{actor}"
        name, mail = (self.notes.git.query("config", f"user.{what}") for what in ("name", "email"))
        return f"{name} <{mail}>" if name and mail else None
