"""Refusals in a form that can be compared: is one new, or was it there before (RULES R8)?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mlflow_gitops.core.plan.outcome import Outcome
from mlflow_gitops.core.plan.plan import Plan
from mlflow_gitops.core.verdicts.verdict import Refusal, Verdict
from mlflow_gitops.core.yaml.problems import Problem

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
