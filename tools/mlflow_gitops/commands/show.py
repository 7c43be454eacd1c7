"""`show`: who held which stage at a moment, since when, by which commit."""

from __future__ import annotations

from collections.abc import Mapping

from mlflow_gitops.app.audit import AuditTrail
from mlflow_gitops.app.workspace import Workspace, now_utc
from mlflow_gitops.commands.output import emit, emit_json, note, steps, warn
from mlflow_gitops.core.audit.stage_holders import StageHolders
from mlflow_gitops.core.audit.trail import AuditedEvent
from mlflow_gitops.core.manifests.manifest import VersionSpec
from mlflow_gitops.core.observed.lineage import Origin, origin
from mlflow_gitops.core.times import format_time, parse_named_time
from mlflow_gitops.errors import OK, UsageFailure
from mlflow_gitops.render import show as render
from mlflow_gitops.render.terminal import Style
from mlflow_gitops.settings import Settings


def run(
    settings: Settings,
    model: str | None,
    at: str | None,
    form: str,
    *,
    in_effect: bool,
    lineage: bool = False,
) -> int:
    """Print what git wanted, or with `in_effect` what the receipts say MLflow had, then or now.
    With `lineage`, MLflow is asked what the versions of one model were made from; without it, that
    is what the manifest pins."""
    if lineage and (model is None or in_effect):
        raise UsageFailure(
            "--lineage tells of one model's versions by git: name the model, and leave --effective"
            " away."
        )
    trail = AuditTrail(Workspace(settings), model)
    place = trail.index_of(at) if at is not None else len(trail.line.shas) - 1
    commit = trail.line.shas[place] if place >= 0 else None
    moment = parse_named_time(at) if at is not None else None
    when = (
        format_time(moment)
        if moment is not None
        else format_time(trail.line.times[place])
        if commit
        else now_utc()
    )
    found = trail.applied_holders(place, at) if in_effect else trail.declared_holders(place)
    details = _details(trail, found, place) if model is not None and not in_effect else {}
    made_from = _made_from(settings, trail, found, place, lineage=lineage) if details else {}
    if form == "json":
        emit_json(render.data(when, commit, found, details, made_from))
    elif model is not None and not in_effect:
        now = when if at is not None else now_utc()
        standing = found[0] if found else None
        emit(
            render.one(
                trail.timelines[0],
                standing,
                details,
                place,
                now,
                Style(),
                trail.has_receipts,
                made_from,
            )
        )
    else:
        emit(render.every(when, commit, found, Style()))
    for hint in trail.hints():
        note(settings, hint)
    return OK


def _details(trail: AuditTrail, found: list[StageHolders], place: int) -> dict[str, AuditedEvent]:
    """Of one model: the event behind each of its stages."""
    if not found:
        return {}
    [course] = trail.timelines
    events = [event for stage in found[0].stages if (event := course.event_behind(stage, place))]
    return {one.event.stage or "": one for one in trail.audit(events)}


def _made_from(
    settings: Settings, trail: AuditTrail, found: list[StageHolders], place: int, *, lineage: bool
) -> Mapping[int, Origin]:
    """Of one model: what each version that holds a stage was made from."""
    [standing] = found
    desired = trail.timelines[0].desired_at(place)
    specs: Mapping[int, VersionSpec] = desired.manifest.versions if desired else {}
    held = sorted({version for versions in standing.stages.values() for version in versions})
    if not lineage:
        return {version: origin(specs.get(version)) for version in held}
    from mlflow_gitops.app.connect import connect
    from mlflow_gitops.app.lineage import origins

    steps(settings)("asking MLflow")
    registry = connect(trail.workspace, warn)
    known = origins(registry, {standing.model: held}, lambda _: specs, warn)
    return {version: of for (_, version), of in known.items()}
