"""`show`: who held which stage at a moment, since when, by which commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mlflow_gitops.app.audit import AuditTrail
from mlflow_gitops.app.workspace import Workspace, now_utc
from mlflow_gitops.commands.output import note, print_result, steps, warn
from mlflow_gitops.core.audit.stage_holders import StageHolders
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.manifest import VersionSpec
from mlflow_gitops.core.observed.lineage import Origin, origin
from mlflow_gitops.core.times import format_time, parse_named_time
from mlflow_gitops.errors import OK, UsageFailure
from mlflow_gitops.render import formats
from mlflow_gitops.render.show import HoldersAt, OneModel
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
            "--lineage is about one model's versions in git: name the model, and remove"
            " --effective."
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
    standings = trail.applied_holders(place, at) if in_effect else trail.declared_holders(place)
    one = None
    if model is not None and not in_effect:
        now = when if at is not None else now_utc()
        one = _one_model(settings, trail, standings, place, now, lineage=lineage)

    print_result(formats.SHOW, form, HoldersAt(when, commit, standings, one))
    for hint in trail.hints():
        note(settings, hint)
    return OK


def _one_model(
    settings: Settings,
    trail: AuditTrail,
    standings: Sequence[StageHolders],
    place: int,
    now: str,
    *,
    lineage: bool,
) -> OneModel:
    """The events behind the model's stages, and what its versions were made from."""
    [course] = trail.timelines
    if not standings:
        return OneModel(course.model, None, {})

    [standing] = standings
    since = [course.event_behind(stage, place) for stage in standing.stages]
    told = trail.audit(event for event in since if event is not None)
    events = {entry.event.stage or "": entry for entry in told}
    made_from: Mapping[int, Origin] = {}
    if events:
        made_from = _made_from(settings, trail, standing, course.desired_at(place), lineage=lineage)
    return OneModel(
        course.model, course.desired_at(place), events, made_from, now, trail.has_receipts
    )


def _made_from(
    settings: Settings,
    trail: AuditTrail,
    standing: StageHolders,
    desired: Desired | None,
    *,
    lineage: bool,
) -> Mapping[int, Origin]:
    """What each version that holds a stage was made from: what its manifest pins or, with
    `lineage`, what MLflow recorded, too."""
    pins: Mapping[int, VersionSpec] = desired.manifest.versions if desired else {}
    held = sorted({version for versions in standing.stages.values() for version in versions})
    if not lineage:
        return {version: origin(pins.get(version)) for version in held}

    from mlflow_gitops.app.connect import connect
    from mlflow_gitops.app.lineage import origins

    steps(settings)("asking MLflow")
    registry = connect(trail.workspace, warn)
    recorded = origins(registry, {standing.model: held}, lambda _: pins, warn)
    return {version: made_from for (_, version), made_from in recorded.items()}
