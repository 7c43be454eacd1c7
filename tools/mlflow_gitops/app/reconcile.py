"""Reconcile one commit: plan it, apply the plan, record what was done. Who calls this asks and
prints.

`commands.reconcile` does it once, `commands.watch` again and again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from mlflow_gitops.app.apply import apply_models
from mlflow_gitops.app.planner import Planner, Ways
from mlflow_gitops.app.receipts import Recorder
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.gates.verdict import Refusal, Verdict
from mlflow_gitops.core.manifests.snapshot import Snapshot
from mlflow_gitops.core.plan.outcome import Outcome
from mlflow_gitops.core.plan.plan import Plan
from mlflow_gitops.edges.git.notes import Notes
from mlflow_gitops.errors import Failure

if TYPE_CHECKING:
    from mlflow_gitops.edges.mlflow.registry import Registry

Reason = tuple[str, str] | tuple[str, str, int]
Watch = Callable[[Iterable[Outcome]], Iterable[Outcome]]
"""Passes on the outcomes of models as they come: a progress bar, or what stops early."""


@dataclass(slots=True)
class Reconciled:
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
        commit: str,
        snapshot: Snapshot,
        ways: Ways | None = None,
        *,
        push_receipts: bool = False,
        jobs: int | None = None,
    ) -> None:
        self.commit = commit
        self.planner = Planner(
            workspace, registry, snapshot, commit, ways=replace(ways or Ways(), writing=True)
        )
        self.writers = jobs or registry.writers
        about = {"registry": registry.shown, "workspace": registry.workspace}
        notes = Notes.of(workspace.git)
        line = workspace.main_line
        self.recorder = Recorder(
            notes, registry, self.planner.owner, about, push_receipts, self.writers, line
        )

    def fetch_receipts(self) -> str | None:
        """Bring in what other clones recorded, where receipts are exchanged; why not, if it cannot
        be had."""
        return self.recorder.fetch() if self.recorder.push else None

    def apply(self, plan: Plan, watch: Watch = lambda outcomes: outcomes) -> Reconciled:
        """Apply a plan and record it. An interrupted run records what it did, too, once the models
        under way are finished."""
        self.planner.registry.begin_writing()
        done = Reconciled()
        try:
            planner = self.planner
            ours = replace(
                plan,
                models=tuple(model for model in plan.models if model.model not in planner.foreign),
            )
            done.recovered = self.recorder.recover(
                ours, planner.receipts, planner.retold, planner.pruned
            )
        except Failure as failure:
            done.trouble.append(str(failure))
        kept: list[Outcome] = []
        outcomes = apply_models(
            plan.models, self.planner.again, self.planner.registry, self.writers, kept.append
        )
        try:
            for _ in watch(outcomes):
                pass
        finally:
            outcomes.close()
            order = {model.model: i for i, model in enumerate(plan.models)}
            done.outcomes = sorted(kept, key=lambda outcome: order[outcome.model])
            try:
                done.receipt = self.recorder.record(self.commit, done.outcomes)
            except Failure as failure:
                done.trouble.append(str(failure))
        return done

    def stood_at(self, since: str | None, plan: Plan) -> dict[str | None, set[Reason]]:
        """What refused each model, and under None the whole run, at an earlier commit already
        (RULES R8): by a plan for that commit. Nothing is asked where nothing is refused now."""
        refused = [model.model for model in plan.models if model.refusals]
        if since is None or not (refused or plan.refusals):
            return {}
        earlier = self.planner.at(since)
        names = [name for name in refused if name in earlier.names] if earlier else []
        if earlier is None or not (names or plan.refusals):
            return {}
        then = earlier.plan([] if plan.refusals else names)
        return {
            None: set(reasons(then.refusals)),
            **{m.model: set(reasons(m.refusals, m.gates)) for m in then.models},
        }


def reasons(refusals: Sequence[Refusal], gates: Sequence[Verdict] = ()) -> Iterator[Reason]:
    """What refuses, in a form that can be compared: a gate by its entry, since the numbers in its
    words may move."""
    yield from ((refusal.code, refusal.detail) for refusal in refusals if refusal.code != "gate")
    yield from (
        (v.gate, v.stage, v.version) for v in gates if v.status in ("failed", "unknown") or v.needs
    )
