"""Held stamps that no reconcile wrote are removed or corrected by the next one (RULES R3)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import cache

from mlflow_gitops.app.planning.plan_lines import PlanLine
from mlflow_gitops.core.audit.recorded_stays import NOT_RECORDED, names_its_receipt, recorded_stays
from mlflow_gitops.core.history.mainline import Point
from mlflow_gitops.core.history.model_history import ModelHistory
from mlflow_gitops.core.history.tenures import ReconciledHistory
from mlflow_gitops.core.manifests.names import file_stem
from mlflow_gitops.core.observed.model import HELD_PREFIX, ObservedModel
from mlflow_gitops.core.plan.plan import Action, Change, ModelPlan
from mlflow_gitops.core.plan.stamps import new_stays


def with_right_held_stamps(
    plan: ModelPlan,
    history: ModelHistory,
    observed: ObservedModel,
    line: PlanLine,
) -> ModelPlan:
    """The plan of a run, with corrections of held stamps. There are none if the run that stamped
    the model has not been recorded yet."""
    # The plan's own stamps take care of the stays that this run begins.
    begun_stays = new_stays(history) if plan.stamps else {}
    stamps = [stamp for stamp in _held_stamps_of(observed) if stamp[:2] not in begun_stays]
    if not stamps:
        return plan
    reconciles = line.evidence.reconciles(plan.model)
    if not _is_recorded(history, reconciles):
        return plan

    @cache
    def points() -> tuple[Point, ...]:
        last = history.base or line.line.shas[-1]
        return tuple(line.histories.points_until(stem, last))

    def since(version: int) -> ReconciledHistory:
        return reconciles.since(observed.versions[version].created, observed.created)

    stem = file_stem(plan.model)
    changed_at = line.histories.renames.changed_at(stem)
    doubtful = [
        (version, stage, stamp)
        for version, stage, stamp in stamps
        if not names_its_receipt(stamp, stage, version, since(version), changed_at)
    ]
    return _with_corrections(plan, doubtful, since, points)


def _is_recorded(history: ModelHistory, reconciles: ReconciledHistory) -> bool:
    """Whether a receipt records the reconcile that the model's stamp names, if it has one."""
    if history.base is None:
        return True
    index = (reconciles.positions or {}).get(history.base)
    return index is not None and any(run.index >= index for run in reconciles.runs)


def _held_stamps_of(model: ObservedModel) -> list[tuple[int, str, str]]:
    """(version, stage, stamp) for each held stamp that MLflow shows."""
    return [
        (number, key.removeprefix(HELD_PREFIX), stamp)
        for number, version in sorted(model.versions.items())
        for key, stamp in sorted(version.tags.items())
        if key.startswith(HELD_PREFIX)
    ]


def _with_corrections(
    plan: ModelPlan,
    stamps: Collection[tuple[int, str, str]],
    since: Callable[[int], ReconciledHistory],
    read_points: Callable[[], Sequence[Point]],
) -> ModelPlan:
    """The plan with a correction of each stamp that no receipt explains, and a note of it.

    `since` returns the reconciles that can be about a version; `read_points` reads the model's
    states up to its base.
    """
    for version, stage, stamp in stamps:
        stay = recorded_stays(read_points(), stage, since(version)).get(version)
        fault = stay.fault(stamp) if stay else NOT_RECORDED
        if fault is None:
            continue

        key, right = HELD_PREFIX + stage, stay.stamp if stay else None
        action: Action = "set_tag" if stay else "delete_tag"
        change = Change(action, version, key, stamp, right, "drift")
        what_happens = "corrected" if stay else "removed"
        note = f"the tag {key} of version {version} is {what_happens}: {fault}"
        plan = replace(plan, stamps=(change, *plan.stamps), notes=(*plan.notes, note))
    return plan
