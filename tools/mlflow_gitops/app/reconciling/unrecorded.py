"""What an interrupted run did to a model before it could write its receipt (RULES R6)."""

from __future__ import annotations

from mlflow_gitops.app.planning.planner import Planner
from mlflow_gitops.core.history.base import Base
from mlflow_gitops.core.manifests.names import file_stem
from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.core.plan.already_applied import already_applied_changes
from mlflow_gitops.core.plan.plan import Change


def unrecorded_changes(
    planner: Planner, name: str, observed: ObservedModel | None, last_recorded: str | None
) -> tuple[Change, ...]:
    """What git changed between two commits and MLflow holds: from the commit of the model's last
    receipt (None: from nothing) to the commit that `planner` plans, with which the model is
    stamped."""
    base = Base.at(last_recorded if last_recorded in planner.target.line.index else None)
    desired = planner.models.by_name.get(name)
    if desired is None:  # the run emptied a model that has no manifest (--prune)
        desired = planner.models.emptied(name, observed.kind if observed else "model")
    history = planner.histories.history(file_stem(name), desired, base)
    return already_applied_changes(history, observed)
