"""Records what a reconcile did: a receipt in git, its digest on the models that it changed (RULES
R6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from mlflow_gitops.app.audit.receipt_parts import (
    is_new_policy,
    objection,
    owner_in_stamps,
    runner_or_user,
    stamp_receipt,
)
from mlflow_gitops.app.reconciling.registry_writer import RegistryWriter
from mlflow_gitops.core.audit.receipt_format import (
    RecoveredWork,
    receipt_line,
    recorded_outcome,
    recovered_outcome,
)
from mlflow_gitops.core.audit.receipts import Receipt, last_commit, newest
from mlflow_gitops.core.audit.unrecorded import unrecorded, unstamped
from mlflow_gitops.core.plan.outcome import Outcome
from mlflow_gitops.core.plan.plan import Plan
from mlflow_gitops.core.times import format_datetime
from mlflow_gitops.edges.git.notes import Notes
from mlflow_gitops.errors import GitFailure
from mlflow_gitops.settings import utc_now

UnrecordedWork = Callable[[str, str, "str | None"], RecoveredWork]
"""For a model, the commit in its stamp, and the commit of its last receipt (None without one): what
an interrupted run did between the two."""


@dataclass(slots=True)
class Recorder:
    """Writes the receipts of one run. What cannot be recorded now, the next run recovers."""

    notes: Notes
    registry: RegistryWriter
    owner: str | None
    registry_facts: Mapping[str, str]
    """What each receipt says about the registry: its address and workspace."""
    push: bool = False
    writers: int = 1
    """How many models may be stamped side by side."""
    line: Mapping[str, int] = field(default_factory=dict)
    """The commits of the main line and their indexes."""
    now: Callable[[], datetime] = utc_now
    began: str | None = None
    """When the run began, RFC 3339."""
    always: bool = False
    """Whether a run that changed nothing leaves a receipt, too: the first one on a new server."""
    policy_path: str | None = None
    """The policy's file: a run that brings another policy into force is recorded (RULES R6)."""
    objections: list[str] = field(default_factory=list)
    """What gates object to in recovered receipts, two sentences each."""
    postponed: list[str] = field(default_factory=list)
    """Why receipts are not recovered yet, one sentence each."""
    _unexplained: set[str] = field(default_factory=set)

    def fetch(self) -> str | None:
        """Fetch what other clones recorded. Returns why that failed, else None."""
        try:
            self.notes.fetch()
        except GitFailure as failure:
            return str(failure)
        return None

    def recover(
        self,
        plan: Plan,
        stamped_receipts: Mapping[str, str | None],
        unrecorded_work: UnrecordedWork = lambda *_: RecoveredWork(),
        pruned: Mapping[str, str] = MappingProxyType({}),
    ) -> list[str]:
        """Write the receipts that interrupted runs did not write. Returns the models.

        `stamped_receipts` maps each model to the digest in its stamp; a stamp that a run could not
        set is set now. `pruned` maps models without a manifest, which were already emptied, to the
        commit in their stamp. Raises GitFailure and RegistryFailure.

        Nothing is recovered if this clone has a remote but does not exchange receipts with it
        (--push-receipts), since it may simply not have them; nor in a shallow clone, which does not
        know its own root commit and so not which receipts are its own.
        """
        self.objections, self.postponed, self._unexplained = [], [], set()
        stamped_commits = {**_stamped_commits(plan), **pruned}
        receipts = self.notes.receipts()

        stamps = {name: stamped_receipts.get(name) for name in stamped_commits}
        for digest, models in unstamped(stamps, receipts, self.owner).items():
            stamp_receipt(self.registry, models, digest, self.writers)

        if self.owner is None:
            return []
        missing = unrecorded(stamped_commits, receipts, self.owner, self.line)
        if self.notes.remote is not None and not self.push:
            self._unexplained = {name for models in missing.values() for name in models}
            return []

        recovered: list[str] = []
        for commit, models in missing.items():
            outcomes = {}
            for name in models:
                work = unrecorded_work(name, commit, last_commit(receipts, name))
                if self._can_be_judged(name, work):
                    outcomes[name] = recovered_outcome(name, work)
                    self.objections += [objection(name, verdict) for verdict in work.objections]
            if outcomes:
                head = {**self._head(), "recovered": True}
                head.pop("began", None)  # when the lost run began is not known
                self._write(commit, {**head, "models": list(outcomes.values())}, list(outcomes))
                recovered += outcomes
        return recovered

    def _can_be_judged(self, name: str, work: RecoveredWork) -> bool:
        """Whether every gate can judge what a lost run did; if not, a later run recovers it."""
        for verdict in work.gates:
            if verdict.status == "unknown":
                self.postponed.append(
                    f"the receipt of an earlier run for {name} is missing, and {verdict.gate} of"
                    f" {verdict.version} in {verdict.stage} cannot be judged now: {verdict.detail}."
                )
                self._unexplained.add(name)
                return False
        return True

    def record(self, commit: str, outcomes: Sequence[Outcome]) -> str | None:
        """Write the receipt of this run. Returns its digest, or None if nothing was done. What
        earlier runs could not push is pushed too.

        Raises GitFailure or RegistryFailure if it could not be written, pushed or stamped: then the
        run is applied, but not recorded.
        """
        digest = None
        is_done = any(_is_done(outcome) for outcome in outcomes)
        if self.always or is_done or self._has_new_policy(commit):
            recorded = [
                outcome
                for outcome in outcomes
                if _is_done(outcome)
                or outcome.is_invalid
                or outcome.result in ("refused", "deferred")
            ]
            changed = [
                outcome.model
                for outcome in outcomes
                if outcome.result == "applied" or outcome.changes
            ]
            self.owner = self.owner or owner_in_stamps(self.registry, changed)
            models = [
                recorded_outcome(outcome, is_base_recorded=outcome.model not in self._unexplained)
                for outcome in recorded
            ]
            digest = self._write(commit, {**self._head(), "models": models}, changed)

        if self.push and self.notes.is_ahead():
            self.notes.push()
        return digest

    def _has_new_policy(self, commit: str) -> bool:
        path, owner = self.policy_path, self.owner
        if path is None or owner is None:
            return False
        return is_new_policy(self.notes, owner, path, commit)

    def _write(self, commit: str, content: Mapping[str, Any], models: Sequence[str]) -> str:
        content = {**content, "commit": commit}
        line = receipt_line(content, newest(self.notes.receipts()))
        self.notes.add(commit, line)
        digest = Receipt(commit, line, content).digest
        stamp_receipt(self.registry, models, digest, self.writers)
        return digest

    def _head(self) -> dict[str, Any]:
        return {
            "at": format_datetime(self.now(), "milliseconds"),
            **({"began": self.began} if self.began else {}),
            "owner": self.owner,
            **self.registry_facts,
            "by": runner_or_user(self.notes.git),
        }


def _stamped_commits(plan: Plan) -> dict[str, str]:
    """The models with this repository's stamp, and the commit in it. A model that is missing in
    MLflow has no stamps."""
    return {
        model.model: model.base
        for model in plan.models
        if model.base
        and model.sync != "Missing"
        and all(refusal.code != "owner" for refusal in model.refusals)
    }


def _is_done(outcome: Outcome) -> bool:
    """Whether the run applied the model, or tried to."""
    return outcome.result in ("applied", "failed") or outcome.has_written
