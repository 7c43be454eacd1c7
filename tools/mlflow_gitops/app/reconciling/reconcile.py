"""Reconcile one commit: plan it, apply the plan, record what was done. Who calls this asks and
prints.

`commands.reconcile` does it once, `commands.watch` again and again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING

from mlflow_gitops.app.planning.options import PlanOptions
from mlflow_gitops.app.planning.planned import Planned
from mlflow_gitops.app.planning.planner import Planner
from mlflow_gitops.app.planning.target import Target
from mlflow_gitops.app.receipts import Recorder
from mlflow_gitops.app.reconciling.apply import apply_models
from mlflow_gitops.app.reconciling.unrecorded import unrecorded_changes
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.plan.outcome import Outcome
from mlflow_gitops.core.plan.plan import Change, Plan
from mlflow_gitops.core.verdicts.verdict import Refusal, Verdict
from mlflow_gitops.edges.git.notes import Notes
from mlflow_gitops.errors import Failure

if TYPE_CHECKING:
    from mlflow_gitops.edges.mlflow.registry import Registry

Reason = tuple[str, str] | tuple[str, str, int]
Watch = Callable[[Iterable[Outcome]], Iterable[Outcome]]
"""Passes on the outcomes of models as they come: a progress bar, or what stops early."""


@dataclass(slots=True)
class RunResult:
    """What a run came to: the outcomes in the plan's order, the receipt's digest, the models whose
    receipts were made good, and what could not be recorded."""

    outcomes: list[Outcome] = field(default_factory=list)
    receipt: str | None = None
    recovered: list[str] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)

    @property
    def refused(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.refusals]

    @property
    def failed(self) -> bool:
        """Whether something was not applied, or applied and not recorded."""
        return bool(self.trouble) or any(outcome.result == "failed" for outcome in self.outcomes)


class Reconciler:
    """Makes one registry match one commit of the main line."""

    def __init__(
        self,
        workspace: Workspace,
        registry: Registry,
        target: Target,
        plan_options: PlanOptions | None = None,
        *,
        push_receipts: bool = False,
        jobs: int | None = None,
    ) -> None:
        if target.commit is None:
            raise ValueError("only a commit can be reconciled")
        self.commit = target.commit
        self.planner = Planner(
            workspace, registry, target, replace(plan_options or PlanOptions(), writing=True)
        )
        self.writers = jobs or registry.writers
        about = {"registry": registry.display_uri, "workspace": registry.workspace}
        notes = Notes.of(workspace.git)
        line = workspace.main_line
        self.recorder = Recorder(
            notes, registry, self.planner.owner, about, push_receipts, self.writers, line
        )

    def fetch_receipts(self) -> str | None:
        """If receipts are exchanged with the remote, fetch what other clones recorded. Returns why
        that failed, else None."""
        return self.recorder.fetch() if self.recorder.push else None

    def apply(self, planned: Planned, watch: Watch = lambda outcomes: outcomes) -> RunResult:
        """Apply a plan and record it. An interrupted run also records what it did, after the models
        under way are finished."""
        self.planner.registry.begin_writing()
        done = RunResult()
        try:
            done.recovered = self._recover(planned)
        except Failure as failure:
            done.trouble.append(str(failure))
        kept: list[Outcome] = []
        outcomes = apply_models(
            planned.plan.models,
            lambda name: self.planner.replan(planned, name),
            self.planner.registry,
            self.writers,
            kept.append,
        )
        try:
            for _ in watch(outcomes):
                pass
        finally:
            outcomes.close()
            order = {model.model: i for i, model in enumerate(planned.plan.models)}
            done.outcomes = sorted(kept, key=lambda outcome: order[outcome.model])
            try:
                done.receipt = self.recorder.record(self.commit, done.outcomes)
            except Failure as failure:
                done.trouble.append(str(failure))
        return done

    def _recover(self, planned: Planned) -> list[str]:
        """Write the receipts that interrupted runs did not write. Returns the models."""

        @cache
        def planner_at(commit: str) -> Planner | None:
            return self.planner if commit == self.commit else self.planner.at(commit)

        def changes(name: str, commit: str, last_recorded: str | None) -> tuple[Change, ...]:
            planner = planner_at(commit)
            if planner is None:
                return ()
            return unrecorded_changes(planner, name, planned.observed.get(name), last_recorded)

        ours = planned.without(planned.foreign)
        return self.recorder.recover(ours.plan, planned.receipts, changes, planned.pruned)

    def refused_at(self, since: str | None, plan: Plan) -> dict[str | None, set[Reason]]:
        """What refused each model, and under None the whole run, at an earlier commit already
        (RULES R8): by a plan for that commit. Nothing is planned if nothing is refused now."""
        refused = [model.model for model in plan.models if model.refusals]
        if since is None or not (refused or plan.refusals):
            return {}
        earlier = self.planner.at(since)
        if earlier is None:
            return {}
        names = [name for name in refused if name in earlier.desired]
        if not (names or plan.refusals):
            return {}
        before = earlier.plan([] if plan.refusals else names).plan
        return {
            None: set(reasons(before.refusals)),
            **{model.model: set(reasons(model.refusals, model.gates)) for model in before.models},
        }


def reasons(refusals: Sequence[Refusal], gates: Sequence[Verdict] = ()) -> Iterator[Reason]:
    """What refuses, in a form that can be compared: a gate by its entry, since the numbers in its
    words may move."""
    yield from ((refusal.code, refusal.detail) for refusal in refusals if refusal.code != "gate")
    yield from (
        (v.gate, v.stage, v.version) for v in gates if v.status in ("failed", "unknown") or v.needs
    )
