"""Stamps that no reconcile wrote are removed or corrected by the next one (RULES R3, R6)."""

from __future__ import annotations

from mlflow_gitops.app.planning.bases.base_finder import BaseFinder
from mlflow_gitops.app.planning.judging.held_stamps import with_right_held_stamps
from mlflow_gitops.app.planning.judging.version_stamps import with_right_version_stamps
from mlflow_gitops.app.planning.plan_lines import PlanLine
from mlflow_gitops.core.history.model_history import ModelHistory
from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.core.plan.plan import ModelPlan


def with_right_stamps(
    plan: ModelPlan,
    history: ModelHistory,
    observed: ObservedModel | None,
    line: PlanLine,
    bases: BaseFinder,
) -> ModelPlan:
    """The plan of a run, with corrections of stamps. There are none if receipts may be missing in
    this clone."""
    is_blocked = any(refusal.scope == "model" for refusal in plan.refusals)
    if observed is None or is_blocked or history.base_state not in ("none", "known"):
        return plan

    corrected = with_right_held_stamps(plan, history, observed, line)
    corrected = with_right_version_stamps(corrected, history, observed, line)
    is_certain = corrected is plan or bases.receipts_gap is None
    return corrected if is_certain else plan
