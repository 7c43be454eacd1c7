"""What an interrupted run did to a model before it could write its receipt (RULES R6)."""

from __future__ import annotations

from mlflow_gitops.app.planning.planner import Planner
from mlflow_gitops.core.audit.receipt_format import RecoveredWork
from mlflow_gitops.core.history.base import Base
from mlflow_gitops.core.history.entry_reader import with_entries
from mlflow_gitops.core.history.model_history import ModelHistory
from mlflow_gitops.core.manifests.names import file_stem
from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.core.plan.already_applied import already_applied_changes
from mlflow_gitops.core.plan.people_behind import people_behind
from mlflow_gitops.core.plan.stage_rows import observed_stages
from mlflow_gitops.core.times import format_datetime
from mlflow_gitops.core.verdicts.asked_gates import is_new_stage
from mlflow_gitops.core.verdicts.judge_entries import judge_entries
from mlflow_gitops.core.verdicts.verdict import Verdict
from mlflow_gitops.settings import Settings


def unrecorded_work(
    planner: Planner,
    name: str,
    observed: ObservedModel | None,
    last_recorded: str | None,
    settings: Settings,
) -> RecoveredWork:
    """What git changed between two commits and MLflow holds, and how the gates judge it now: from
    the commit of the model's last receipt (None: from nothing) to the commit that `planner` plans,
    with which the model is stamped.

    Nobody knows who made these changes. So a version counts as having come to hold a stage only if
    the gates find it passed.
    """
    base = Base.at(last_recorded if last_recorded in planner.target.line.index else None)
    desired = planner.models.by_name.get(name)
    is_emptied = desired is None  # the run emptied a model that has no manifest (--prune)
    if desired is None:
        desired = planner.models.emptied(name, observed.kind if observed else "model")
    line = planner.lines.first
    history = line.histories.history(file_stem(name), desired, base)
    changes = already_applied_changes(history, observed)
    if is_emptied:
        return RecoveredWork(changes, registered=observed.created if observed else None)

    judged = with_entries(line.histories, history, line.judges.of)
    now = format_datetime(settings.now())
    model = observed or ObservedModel(name)
    verdicts = judge_entries(judged, model, line.evidence, now, writing=True).verdicts
    people = people_behind(judged, observed_stages(model, desired), line.evidence)
    return RecoveredWork(
        changes, verdicts, _proven(judged, verdicts), people, registered=model.created
    )


def _proven(history: ModelHistory, verdicts: tuple[Verdict, ...]) -> tuple[tuple[str, int], ...]:
    """The stages and versions of the entries that no gate objects to."""
    objections = {
        (verdict.stage, verdict.version) for verdict in verdicts if not verdict.is_passing
    }
    entries = [entry for entry in history.entries if entry.kind == "stage"]
    holders = [(entry.stage, entry.version) for entry in entries if not is_new_stage(entry)]
    return tuple(holder for holder in holders if holder not in objections)
