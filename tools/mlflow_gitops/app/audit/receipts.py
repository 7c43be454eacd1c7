"""Records what a reconcile did: a receipt in git, its digest on the models that it changed (RULES
R6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mlflow_gitops.app.audit.receipt_parts import (
    is_new_policy,
    owner_in_stamps,
    policy_blob,
    run_facts,
    stamp_receipt,
)
from mlflow_gitops.app.health.leaving import LeavingHealth
from mlflow_gitops.app.reconciling.writing.registry_writer import RegistryWriter
from mlflow_gitops.core.audit.receipt_format import (
    receipt_text,
    recorded_outcome,
)
from mlflow_gitops.core.audit.receipts import Receipt, newest
from mlflow_gitops.core.audit.record.receipt_counts import next_count
from mlflow_gitops.core.plan.outcome import Outcome
from mlflow_gitops.core.times import format_datetime
from mlflow_gitops.edges.git.receipts.branch import ReceiptsBranch
from mlflow_gitops.edges.git.receipts.subject import receipt_subject
from mlflow_gitops.edges.git.receipts.writer import ReceiptsWriter
from mlflow_gitops.errors import GitFailure
from mlflow_gitops.settings import utc_now


@dataclass(slots=True)
class Recorder:
    """Writes the receipts of one run. What cannot be recorded now, the next run recovers."""

    writer: ReceiptsWriter
    registry: RegistryWriter
    owner: str | None
    registry_facts: Mapping[str, str]
    """What each receipt says about the registry: its address and workspace."""
    push: bool = False
    writers: int = 1
    """How many models may be stamped side by side."""
    now: Callable[[], datetime] = utc_now
    began: str | None = None
    """When the run began, RFC 3339."""
    always: bool = False
    """Whether a run that changed nothing leaves a receipt, too: the first one on a new server."""
    policy_path: str | None = None
    """The policy's file: a run that brings another policy into force is recorded (RULES R6)."""
    leaving: LeavingHealth | None = None
    """Reads how the versions did that the run took out of a stage."""
    unexplained: set[str] = field(default_factory=set)
    """The models whose stamps no receipt explains."""
    flaws: dict[str, Mapping[str, str]] = field(default_factory=dict)
    """What is wrong with the record of models, as `core/audit/record/flaws.py` has it."""
    push_fault: str | None = None
    """Why the receipts of this clone could not be pushed."""
    taken_over: int = 0
    """How many receipts were moved from git notes to the branch."""

    @property
    def branch(self) -> ReceiptsBranch:
        """Where the receipts are."""
        return self.writer.branch

    def fetch(self) -> str | None:
        """Fetch what other clones recorded. Returns why that failed, else None."""
        try:
            self.writer.fetch()
        except GitFailure as failure:
            return str(failure)
        return None

    def record(self, commit: str, outcomes: Sequence[Outcome]) -> str | None:
        """Write the receipt of this run. Returns its digest, or None if nothing was done. What
        earlier runs could not push is pushed too.

        If it could only not be pushed, `push_fault` says why: it is in this clone. Raises
        GitFailure or RegistryFailure if it could not be written or stamped: then the
        run is applied, but not recorded.
        """
        digest = self.push_fault = None
        is_done = any(_is_done(outcome) or outcome.model in self.flaws for outcome in outcomes)
        if self.always or is_done or self._has_new_policy(commit):
            recorded = [
                outcome
                for outcome in outcomes
                if _is_done(outcome)
                or outcome.is_invalid
                or outcome.model in self.flaws
                or outcome.result in ("refused", "deferred")
            ]
            changed = [
                outcome.model
                for outcome in outcomes
                if outcome.result == "applied" or outcome.changes or outcome.model in self.flaws
            ]
            self.owner = self.owner or owner_in_stamps(self.registry, changed)
            health = self.leaving.read(recorded) if self.leaving is not None else {}
            models = [
                recorded_outcome(
                    outcome,
                    is_base_recorded=outcome.model not in self.unexplained,
                    flaw=self.flaws.get(outcome.model),
                    health=health.get(outcome.model, ()),
                )
                for outcome in recorded
            ]
            digest = self.write(commit, {**self.head(), "models": models}, changed)

        if self.push and self.writer.is_ahead():
            try:
                self.writer.push()
            except GitFailure as failure:
                self.push_fault = str(failure)
        return digest

    def _has_new_policy(self, commit: str) -> bool:
        path, owner = self.policy_path, self.owner
        if path is None or owner is None:
            return False
        return is_new_policy(self.branch, owner, path, commit)

    def write(self, commit: str, content: Mapping[str, Any], models: Sequence[str]) -> str:
        """Write a receipt and stamp its digest on the models. Returns the digest."""
        receipts = self.branch.receipts()
        count = next_count(receipts, content.get("owner"))
        policy = policy_blob(self.branch.git, self.policy_path, commit)
        content = {"count": count, **content, "policy": policy, "commit": commit}
        receipt = Receipt(commit, receipt_text(content, newest(receipts)), content)
        self.taken_over += self.writer.add(receipt, receipt_subject(content))
        stamp_receipt(self.registry, models, receipt.digest, self.writers)
        return receipt.digest

    def head(self) -> dict[str, Any]:
        """What a receipt says of the run as a whole."""
        return {
            "at": format_datetime(self.now(), "milliseconds"),
            **({"began": self.began} if self.began else {}),
            "owner": self.owner,
            **self.registry_facts,
            **run_facts(self.branch.git),
        }


def _is_done(outcome: Outcome) -> bool:
    """Whether the run applied the model, or tried to."""
    return outcome.result in ("applied", "failed") or outcome.has_written
