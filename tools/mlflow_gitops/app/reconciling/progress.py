"""What the writes to one model have come to, judged only by reading back (DESIGN §6)."""

from __future__ import annotations

from collections.abc import Callable

from mlflow_gitops.core.plan.outcome import Outcome, Result
from mlflow_gitops.core.plan.plan import Change, ModelPlan
from mlflow_gitops.core.verdicts.verdict import Refusal
from mlflow_gitops.errors import RegistryFailure


class Progress:
    """The progress of one model. `replan` reads it again and plans it anew."""

    def __init__(self, name: str, replan: Callable[[str], ModelPlan]) -> None:
        self.name = name
        self.sealed = False
        self.overtaken = False
        """Whether another run took the model over meanwhile: the two runs' writes can then not be
        told apart."""
        self._replan = replan
        self._attempted: ModelPlan | None = None
        self._changes: list[Change] = []
        self._entered: list[tuple[str, int]] = []
        self._first_plan: ModelPlan | None = None

    def begin(self, plan: ModelPlan) -> None:
        """Note that the writes of a plan are about to be made."""
        self._attempted = plan

    def read_back(self) -> ModelPlan:
        """Read the model, note which of the attempted writes MLflow shows as done, and return the
        plan of what is left. Raises RegistryFailure."""
        plan = self._replan(self.name)
        # The verdicts of the first reading count: after a write, the stamps would make a rollback
        # of what was promoted just now.
        self._first_plan = self._first_plan or plan
        attempted, self._attempted = self._attempted, None
        if attempted is None:
            return plan

        if plan.sync == "Unknown":
            self.overtaken = True
            return plan

        unfinished = {_identity(change) for change in plan.applying}
        self._changes += [
            change for change in attempted.applying if _identity(change) not in unfinished
        ]
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
                "Another run reconciled it meanwhile; what this run wrote before that is not"
                " reported."
            )
        plan = self._first_plan
        return Outcome(
            self.name,
            self._result(refusals, error),
            tuple(self._changes),
            refusals,
            error,
            tuple(self._entered),
            plan.gates if plan else (),
            plan.deferred if plan else None,
            plan.people if plan else {},
            plan.already_applied if plan else (),
        )

    def outcome_after_failure(
        self, refusals: tuple[Refusal, ...] = (), error: str | None = None
    ) -> Outcome:
        """The outcome if the writes did not go through: what was written before is read back once
        more."""
        try:
            refusals = (*self.read_back().refusals, *refusals)
        except RegistryFailure as failure:
            error = f"{error or failure} What was written could not be read back."
        return self.outcome(refusals, error)

    def _result(self, refusals: tuple[Refusal, ...], error: str | None) -> Result:
        if error:
            return "failed"
        if refusals:
            return "refused"
        if self._first_plan and self._first_plan.deferred:
            return "deferred"
        return "applied" if self._changes or self.sealed else "unchanged"


def _identity(change: Change) -> tuple[object, ...]:
    """What makes two changes the same write."""
    return change.action, change.version, change.key, change.after
