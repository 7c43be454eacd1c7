"""What the writes to one model have come to (DESIGN §6). A write counts if MLflow answered that it
was done, or if reading back shows it; nothing that happens afterwards takes it away again."""

from __future__ import annotations

import threading
from collections.abc import Callable

from mlflow_gitops.core.plan.outcome import Outcome, Result
from mlflow_gitops.core.plan.plan import Change, ModelPlan
from mlflow_gitops.core.verdicts.verdict import Refusal
from mlflow_gitops.errors import RegistryFailure


class StoppedError(Exception):
    """The run is to end before its next write."""


class Progress:
    """The progress of one model. `replan` reads it again and plans it anew; `stop` ends the run
    between two writes."""

    def __init__(
        self, name: str, replan: Callable[[str], ModelPlan], stop: threading.Event | None = None
    ) -> None:
        self.name = name
        self.sealed = False
        self.overtaken = False
        """Whether another run took the model over meanwhile."""
        self._replan = replan
        self._stop = stop or threading.Event()
        self._attempted: ModelPlan | None = None
        self._unanswered: Change | None = None
        self._written: list[Change] = []
        self._entered: list[tuple[str, int]] = []
        self._first_plan: ModelPlan | None = None
        self._registered: str | None = None

    def begin(self, plan: ModelPlan) -> None:
        """Note that the writes of a plan are about to be made."""
        self._attempted = plan

    def begin_write(self, change: Change) -> None:
        """Note that a write is about to be made. Raises StoppedError if the run is to end."""
        if self._stop.is_set():
            raise StoppedError
        self._unanswered = change

    def end_write(self, change: Change) -> None:
        """Note that MLflow answered that a write is done."""
        self._unanswered = None
        self._written.append(change)

    def refuse_write(self) -> None:
        """Note that MLflow answered that it does not make the write that was begun."""
        self._unanswered = None

    def is_deleted(self, plan: ModelPlan) -> bool:
        """Whether this run wrote to the model and MLflow does not have it any more, by a plan of
        now."""
        return bool(self._written) and plan.sync == "Missing"

    def read_back(self) -> ModelPlan:
        """Read the model, note whether MLflow shows a write that it did not answer, and return the
        plan of what is left. Raises RegistryFailure."""
        plan = self._replan(self.name)
        # The verdicts of the first reading count: after a write, the stamps would make a rollback
        # of what was promoted just now.
        self._first_plan = self._first_plan or plan
        self._registered = self._registered or plan.registered
        attempted, self._attempted = self._attempted, None
        if attempted is None:
            return plan

        if plan.sync == "Unknown":  # its stamp names another commit, or is gone
            self.overtaken = True
            return plan

        self._check_unanswered(plan)
        self._entered += [
            (row.stage, version)
            for row in attempted.stages
            for version in row.after
            if version not in row.before and version in plan.observed.get(row.stage, ())
        ]
        return plan

    def outcome(self, refusals: tuple[Refusal, ...], error: str | None = None) -> Outcome:
        """What has become of the model."""
        if self.overtaken and not error:
            error = (
                "Another run reconciled it meanwhile. What is counted here was written before that,"
                " and may have been replaced since."
            )
        if self._unanswered is not None:
            unknown = "MLflow did not answer one write, and does not show whether it was made."
            error = f"{error} {unknown}" if error else unknown
        plan = self._first_plan
        changes = self._changes()
        return Outcome(
            self.name,
            self._result(changes, refusals, error),
            changes,
            refusals,
            error,
            tuple(dict.fromkeys(self._entered)),
            plan.gates if plan else (),
            plan.deferred if plan else None,
            plan.people if plan else {},
            plan.already_applied if plan else (),
            plan.compared_files if plan else {},
            is_adoption=bool(plan and plan.is_adoption),
            has_written=bool(self._written or self._unanswered),
            registered=self._registered,
        )

    def outcome_after_failure(
        self, refusals: tuple[Refusal, ...] = (), error: str | None = None
    ) -> Outcome:
        """The outcome if the writes did not go through: the model is read back once more."""
        try:
            refusals = (*self.read_back().refusals, *refusals)
        except RegistryFailure as failure:
            error = f"{error or failure} What was written could not be read back."
        return self.outcome(refusals, error)

    def _check_unanswered(self, plan: ModelPlan) -> None:
        """Count the write that MLflow did not answer, if `plan` no longer asks for it. A plan of a
        model that is gone shows nothing."""
        change = self._unanswered
        if change is None or plan.sync == "Missing":
            return

        self._unanswered = None
        left = {_identity(change) for change in (*plan.changes, *plan.stamps)}
        if _identity(change) not in left:
            self._written.append(change)

    def _changes(self) -> tuple[Change, ...]:
        """The writes that were made. Of stamps, only corrected ones. One that was made again, since
        somebody undid it meanwhile, is listed once."""
        asked = {_identity(change): change for change in self._written if not _is_stamp(change)}
        return tuple(asked.values())

    def _result(
        self, changes: tuple[Change, ...], refusals: tuple[Refusal, ...], error: str | None
    ) -> Result:
        if error:
            return "failed"
        if any(refusal.is_stopping for refusal in refusals):
            return "refused"
        if self._first_plan and self._first_plan.deferred:
            return "deferred"
        return "applied" if changes or self.sealed else "unchanged"


def _is_stamp(change: Change) -> bool:
    """Whether a change writes a stamp of this run. A correction of one is healed drift."""
    is_tag = change.action in ("set_tag", "delete_tag")
    return is_tag and change.cause != "drift" and (change.key or "").startswith("gitops.")


def _identity(change: Change) -> tuple[object, ...]:
    """What makes two changes the same write."""
    return change.action, change.version, change.key, change.after
