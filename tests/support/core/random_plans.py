"""Random histories and registries of one model, planned and applied in memory."""

from __future__ import annotations

import os

from hypothesis import strategies as st

from mlflow_gitops.app.reconciling.writing.apply import apply_models
from mlflow_gitops.core.history.model_history import ModelHistory
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.core.plan.context import PlanContext
from mlflow_gitops.core.plan.outcome import Outcome
from mlflow_gitops.core.plan.plan import ModelPlan
from mlflow_gitops.core.plan.plan_model import plan_model
from tests.support.core.evidence import NO_EVIDENCE
from tests.support.core.states import NAME, OWNER, histories, observed_models
from tests.support.registries.memory import MemoryRegistry

EXAMPLE_COUNT = int(os.environ.get("MLFLOW_GITOPS_TEST_EXAMPLES", "20"))
CONTEXT = PlanContext(OWNER, "2026-02-01T00:00:00Z", NO_EVIDENCE)


def plan_now(history: ModelHistory, registry: MemoryRegistry) -> ModelPlan:
    """Plan as a command would: the history runs from the base that MLflow's stamp names now."""
    observed = registry.read(NAME)
    base = observed.base if observed else None
    if base != history.base:
        shas = [point.commit.sha for point in history.points if point.commit]
        history = ModelHistory(
            base, "known", history.points[len(shas) - 1 - shas[::-1].index(base) :]
        )
    return plan_model(NAME, history, observed, CONTEXT)


def apply_plan(history: ModelHistory, registry: MemoryRegistry) -> Outcome:
    target = history.target
    assert target is not None
    [outcome] = apply_models(
        [plan_now(history, registry)],
        lambda name: plan_now(history, registry),
        registry,
    )
    return outcome


@st.composite
def histories_and_registries(draw: st.DrawFn) -> tuple[ModelHistory, MemoryRegistry]:
    history = draw(histories())
    observed = (
        draw(st.none() | observed_models(history.base))
        if history.base is None
        else draw(observed_models(history.base))
    )
    return history, MemoryRegistry({NAME: observed} if observed else {})


def is_occupied(model: ObservedModel, desired: Desired, stage: str) -> bool:
    rule = desired.policy.stages[stage]
    return bool(model.holders(stage)) if rule.native else rule.alias in model.aliases
