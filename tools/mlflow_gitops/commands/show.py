"""`show`: who held which stage at a moment, since when, by which commit."""

from __future__ import annotations

from mlflow_gitops.commands.output import emit, emit_json, note
from mlflow_gitops.core.audit import Told
from mlflow_gitops.core.standing import Standing
from mlflow_gitops.core.times import named_time, shown
from mlflow_gitops.errors import OK
from mlflow_gitops.render import standing as render
from mlflow_gitops.render.terminal import Style
from mlflow_gitops.settings import Settings
from mlflow_gitops.trail import Trail
from mlflow_gitops.workspace import Workspace, now_utc


def run(settings: Settings, model: str | None, at: str | None, form: str, *, in_effect: bool) -> int:
    """Print what git wanted, or with `in_effect` what the receipts say MLflow had, then or now."""
    trail = Trail(Workspace(settings), model)
    place = trail.place(at) if at is not None else len(trail.line.shas) - 1
    commit = trail.line.shas[place] if place >= 0 else None
    moment = named_time(at) if at is not None else None
    when = shown(moment) if moment is not None else shown(trail.line.times[place]) if commit else now_utc()
    found = trail.effective(place, at) if in_effect else trail.standings(place)
    details = _details(trail, found, place) if model is not None and not in_effect else {}
    if form == "json":
        emit_json(render.data(when, commit, found, details))
    elif model is not None and not in_effect:
        now = when if at is not None else now_utc()
        emit(render.one(trail.courses[0], found[0] if found else None, details, place, now, Style(), trail.recorded))
    else:
        emit(render.every(when, commit, found, Style()))
    for hint in trail.hints():
        note(settings, hint)
    return OK


def _details(trail: Trail, found: list[Standing], place: int) -> dict[str, Told]:
    """Of one model: the event behind each of its stages."""
    if not found:
        return {}
    [course] = trail.courses
    events = [event for stage in found[0].stages if (event := course.since(stage, place))]
    return {one.event.stage or "": one for one in trail.tell(events)}
