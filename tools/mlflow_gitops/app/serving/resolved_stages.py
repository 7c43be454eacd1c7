"""Which versions hold the stages of all models, by git alone: for what deploys all of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from mlflow_gitops.app.audit.holders import holders_applied, holders_declared
from mlflow_gitops.app.audit.trail import AuditTrail
from mlflow_gitops.app.serving.resolving import resolved_holder
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.audit.events import ModelTimeline
from mlflow_gitops.core.audit.stage_holders import StageHolders
from mlflow_gitops.core.observed.resolved import Resolved
from mlflow_gitops.core.wording import did_you_mean
from mlflow_gitops.errors import Failure, UsageFailure


@dataclass(frozen=True, slots=True)
class ResolvedStages:
    """`holders` are the versions that hold a stage, by model and stage; `vacant` is each model and
    stage that once had a version and has none now."""

    holders: tuple[Resolved, ...]
    vacant: frozenset[tuple[str, str]]


def resolve_stages(
    workspace: Workspace,
    models: Collection[str] = (),
    stages: Sequence[str] = (),
    *,
    effective: bool = False,
) -> ResolvedStages:
    """The version that holds each stage of each model, as `resolve_stage` finds one.

    Without `stages`: all but Archived and the manifests' own aliases (`@alias`). Without `models`:
    all models; prompts only if they are named. Raises UsageFailure for a stage that no model ever
    had, and Failure for a model without a manifest.
    """
    trail = AuditTrail(workspace)
    index = len(trail.line.shas) - 1
    all_holders = (
        holders_applied(trail, index, None) if effective else holders_declared(trail, index)
    )
    by_model = {model.model: model for model in all_holders}
    timelines = [line for line in trail.timelines if not models or line.model in models]
    _check_models(models, [timeline.model for timeline in trail.timelines])

    holders: list[Resolved] = []
    ever: set[tuple[str, str]] = set()
    for timeline in timelines:
        model = by_model.get(timeline.model)
        for stage in sorted(_stages_ever(timeline, model)):
            ever.add((timeline.model, stage))
            if model is None or not _is_selected(stage, stages):
                continue
            resolved = resolved_holder(trail, timeline, model, stage, effective=effective)
            if resolved is not None and (models or not resolved.uri.startswith("prompts:")):
                holders.append(resolved)

    _check_stages(stages, {stage for _, stage in ever})
    occupied = {(resolved.model, resolved.stage) for resolved in holders}
    vacant = {pair for pair in ever - occupied if _is_selected(pair[1], stages)}
    return ResolvedStages(tuple(holders), frozenset(vacant))


def _stages_ever(timeline: ModelTimeline, model: StageHolders | None) -> set[str]:
    """Every stage that a model has or had."""
    former_stages = {event.stage for event in timeline.events if event.stage is not None}
    return former_stages | set(model.stages if model is not None else ())


def _is_selected(stage: str, stages: Collection[str]) -> bool:
    return stage in stages if stages else stage != "Archived" and not stage.startswith("@")


def _check_models(models: Collection[str], existing: Sequence[str]) -> None:
    for model in models:
        if model not in existing:
            hint = did_you_mean(model, existing)
            raise Failure(f"{model} has no manifest on the main line.", fix=hint)


def _check_stages(stages: Sequence[str], existing: Collection[str]) -> None:
    for stage in stages:
        if existing and stage not in existing:
            hint = did_you_mean(stage, existing) or f"there are {', '.join(sorted(existing))}."
            raise UsageFailure(f"No model has a stage {stage!r}; {hint}")
