"""Refusals in a form that can be compared: is one new, or was it there before (RULES R8)?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from mlflow_gitops.core.plan.outcome import Outcome
from mlflow_gitops.core.plan.plan import Plan
from mlflow_gitops.core.verdicts.verdict import Refusal, Verdict
from mlflow_gitops.core.yaml.problems import Problem

if TYPE_CHECKING:
    from mlflow_gitops.app.planning.planner import Planner

Reason = tuple[str, str] | tuple[str, str, int]


def reasons(refusals: Sequence[Refusal], gates: Sequence[Verdict] = ()) -> Iterator[Reason]:
    """What refuses. A gate is identified by its entry, because the numbers in its text change."""
    for refusal in refusals:
        if refusal.code != "gate":
            yield refusal.code, refusal.detail
    for verdict in gates:
        if verdict.status in ("failed", "unknown") or verdict.needs:
            yield verdict.gate, verdict.stage, verdict.version


@dataclass(frozen=True, slots=True)
class EarlierRefusals:
    """What was refused at an earlier commit: the whole run, and each model."""

    run: frozenset[Reason] = frozenset()
    models: Mapping[str, frozenset[Reason]] = field(default_factory=dict)
    errors: frozenset[Problem] = frozenset()
    """What was invalid in git."""

    @classmethod
    def from_plan(cls, plan: Plan) -> EarlierRefusals:
        """The refusals of a plan for the earlier commit."""
        models = {
            model.model: frozenset(reasons(model.refusals, model.gates)) for model in plan.models
        }
        return cls(frozenset(reasons(plan.refusals)), models, frozenset(plan.errors))

    def contain_run(self, refusals: Sequence[Refusal]) -> bool:
        """Whether everything that refuses the whole run now did so earlier."""
        return self.run.issuperset(reasons(refusals))

    def contain_errors(self, errors: Sequence[Problem]) -> bool:
        """Whether everything that is invalid in git now was invalid earlier."""
        return self.errors.issuperset(errors)

    def contain(self, outcome: Outcome) -> bool:
        """Whether everything that refuses a model now did so earlier."""
        earlier = self.models.get(outcome.model, frozenset())
        return earlier.issuperset(reasons(outcome.refusals, outcome.gates))


def refused_at(planner: Planner, since: str | None, plan: Plan) -> EarlierRefusals:
    """What of a plan's refusals was refused at an earlier commit already (RULES R8). That commit is
    only planned if something is refused now."""
    refused = [model.model for model in plan.models if model.refusals]
    if since is None or not (refused or plan.refusals or plan.errors):
        return EarlierRefusals()
    earlier = planner.at(since)
    if earlier is None:
        return EarlierRefusals()
    if plan.refusals:  # the whole run is refused by what all of its models would change
        return EarlierRefusals.from_plan(earlier.plan().plan)
    models = earlier.models
    names = [name for name in refused if name in models.by_name or name in models.invalid]
    refusals = EarlierRefusals.from_plan(earlier.plan(names).plan) if names else None
    errors = frozenset(models.validity.errors)
    return replace(refusals or EarlierRefusals(), errors=errors)
