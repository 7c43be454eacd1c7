"""`show`: who held which stage at a moment, since when, by which commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mlflow_gitops.app.audit.departures import departure
from mlflow_gitops.app.audit.holders import holders_applied, holders_declared, last_drift
from mlflow_gitops.app.audit.line.line_part import WHOLE_LINE, LinePart
from mlflow_gitops.app.audit.trail import AuditTrail
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.output import note, print_result, steps, warn
from mlflow_gitops.core.audit.stage_holders import StageHolders
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.manifest import VersionSpec
from mlflow_gitops.core.observed.lineage import Lineage, lineage_of
from mlflow_gitops.core.times import format_datetime, format_time
from mlflow_gitops.errors import OK, UsageFailure
from mlflow_gitops.render import formats
from mlflow_gitops.render.show import HoldersAt, OneModel
from mlflow_gitops.settings import Settings

_COMMITS = 8192
"""So many commits before the moment are read of all models. With half as many, more models needed
all of theirs, which took longer (1,000 models, 100,000 commits)."""


def run(
    settings: Settings,
    model: str | None,
    at: str | None,
    form: str,
    *,
    in_effect: bool,
    lineage: bool = False,
) -> int:
    """Print which versions git declared for each stage at a time or, with `in_effect`, which ones
    MLflow held by the receipts.

    For one model, print also what its versions were made from: what the manifest pins or, with
    `lineage`, what MLflow recorded, too.
    """
    if lineage and (model is None or in_effect):
        raise UsageFailure(
            "--lineage is about one model's versions in git: name the model, and remove"
            " --effective."
        )
    # Of many models, the last commits usually say who holds what, and since when.
    part = WHOLE_LINE if in_effect else LinePart(until=at, window=_COMMITS)
    trail = AuditTrail(Workspace(settings), model, part)
    index = trail.moments.index_of(at) if at is not None else len(trail.line.shas) - 1
    commit = trail.line.shas[index] if index >= 0 else None
    time = _time(settings, trail, at, index)

    if in_effect:
        holders = holders_applied(trail, index, at)
    else:
        holders = holders_declared(trail, index)
    details = None
    if model is not None and not in_effect:
        now = time if at is not None else format_datetime(settings.now())
        details = _details(settings, trail, holders, index, now, lineage=lineage)

    print_result(formats.SHOW, form, HoldersAt(time, commit, holders, details))
    for hint in trail.hints():
        note(settings, hint)
    return OK


def _time(settings: Settings, trail: AuditTrail, at: str | None, index: int) -> str:
    """The end of the time that `--at` names, or the commit's time, RFC 3339."""
    span = trail.moments.span(at) if at is not None else None
    if span is not None:
        return format_time(span.last)
    return format_time(trail.line.times[index]) if index >= 0 else format_datetime(settings.now())


def _details(
    settings: Settings,
    trail: AuditTrail,
    holders: Sequence[StageHolders],
    index: int,
    now: str,
    *,
    lineage: bool,
) -> OneModel:
    """The events behind the model's stages, and what its versions were made from."""
    [timeline] = trail.timelines
    if not holders:
        removal = departure(trail, timeline, index)
        return OneModel(
            timeline.model, None, {}, departure=removal, has_receipts=trail.has_receipts
        )

    [stage_holders] = holders
    causes = [timeline.event_behind(stage, index) for stage in stage_holders.stages]
    audited = trail.audit(event for event in causes if event is not None)
    events = {entry.event.stage or "": entry for entry in audited}

    desired = timeline.desired_at(index)
    made_from: Mapping[int, Lineage] = {}
    if events:
        made_from = _made_from(settings, trail, stage_holders, desired, lineage=lineage)
    return OneModel(
        timeline.model,
        desired,
        events,
        made_from,
        now,
        last_drift=last_drift(trail, timeline.model, now),
        has_receipts=trail.has_receipts,
    )


def _made_from(
    settings: Settings,
    trail: AuditTrail,
    stage_holders: StageHolders,
    desired: Desired | None,
    *,
    lineage: bool,
) -> Mapping[int, Lineage]:
    """What each version that holds a stage was made from: what its manifest pins or, with
    `lineage`, what MLflow recorded, too."""
    pins: Mapping[int, VersionSpec] = desired.manifest.versions if desired else {}
    holders = {version for versions in stage_holders.stages.values() for version in versions}
    if not lineage:
        return {version: lineage_of(pins.get(version)) for version in sorted(holders)}

    from mlflow_gitops.app.connect import connect
    from mlflow_gitops.app.lineage import origins

    steps(settings)("asking MLflow")
    registry = connect(trail.workspace, warn)
    recorded = origins(registry, {stage_holders.model: sorted(holders)}, lambda _: pins, warn)
    return {version: made_from for (_, version), made_from in recorded.items()}
