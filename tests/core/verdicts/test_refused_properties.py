"""While a gate refuses, what was reconciled last is kept up, and nothing new gets in: for every
history (RULES R3)."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import event, given, settings
from hypothesis import strategies as st

from mlflow_gitops.app.reconciling.writing.apply import apply_models
from mlflow_gitops.core.gates.stage_gates import StageGates
from mlflow_gitops.core.history.model_history import ModelHistory
from mlflow_gitops.core.history.stage_entries import entries, new_holders
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.names import ACTIVE_STAGES
from mlflow_gitops.core.manifests.policy import ModelPolicy
from mlflow_gitops.core.plan.plan import ModelPlan
from mlflow_gitops.core.plan.plan_model import plan_model
from tests.support.core.random_plans import CONTEXT, EXAMPLE_COUNT, is_occupied
from tests.support.core.states import NAME, histories, observed_models
from tests.support.registries.memory import MemoryRegistry

NEVER = StageGates({"tags": {"never": "there"}})


def closed(rules: ModelPolicy) -> ModelPolicy:
    """The rules, with a gate before every stage that nobody passes."""
    closed_stages = {name: rule._replace(gates=NEVER) for name, rule in rules.stages.items()}
    return replace(rules, stages=closed_stages)


@st.composite
def refused(draw: st.DrawFn) -> tuple[ModelHistory, MemoryRegistry]:
    history = draw(histories())
    target, base = history.target, history.before
    assert target is not None
    judged = entries(
        new_holders(target, base), history.points, lambda made: (closed(target.policy),)
    )
    history = replace(history, entries=tuple(judged))
    return history, MemoryRegistry({NAME: draw(observed_models(history.base))})


def shown(history: ModelHistory, registry: MemoryRegistry) -> ModelPlan:
    return plan_model(NAME, history, registry.read(NAME), CONTEXT)


@settings(max_examples=EXAMPLE_COUNT, deadline=None)
@given(refused())
def test_nothing_new_enters_and_the_base_is_kept_up(
    case: tuple[ModelHistory, MemoryRegistry],
) -> None:
    history, registry = case
    first = shown(history, registry)
    if not any(refusal.code == "gate" for refusal in first.refusals):
        return
    base = history.before
    event(f"base {base is not None}, heals {any(change.applies for change in first.changes)}")
    assert not first.stamps and all(change.cause == "drift" for change in first.applying)
    outcome = apply(history, registry)
    assert outcome == "refused"
    model = registry.models[NAME]
    if base is None:
        assert not registry.writes
        return
    for stage, version in new_holders(history.target or base, base):
        if (
            history.target
            and stage in ACTIVE_STAGES
            and base.policy.stages[stage].native
            and first.applying
        ):
            assert version not in model.holders(stage), (
                "what a gate refuses is not left in the stage"
            )
    assert not shown(history, registry).applying, "a second run has nothing to heal"


@settings(max_examples=EXAMPLE_COUNT, deadline=None)
@given(refused())
def test_a_protected_stage_stays_occupied(case: tuple[ModelHistory, MemoryRegistry]) -> None:
    history, registry = case
    base, start = history.before, registry.models[NAME]
    if base is None or not any(
        refusal.code == "gate" for refusal in shown(history, registry).refusals
    ):
        return
    guarded = [
        rule.name
        for rule in base.policy.stages.values()
        if rule.protected and base.holders(rule.name) and is_occupied(start, base, rule.name)
    ]
    empty: list[str] = []
    registry.written = lambda: empty.extend(
        s for s in guarded if not is_occupied(registry.models[NAME], base, s)
    )
    apply(history, registry)
    assert "Production" not in empty


def apply(history: ModelHistory, registry: MemoryRegistry) -> str:
    target: Desired | None = history.target
    assert target is not None
    [outcome] = apply_models(
        [shown(history, registry)],
        lambda name: shown(history, registry),
        registry,
    )
    assert outcome.result != "failed", outcome.error
    return outcome.result
