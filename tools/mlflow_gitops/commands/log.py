"""`log`: the audit trail as events."""

from __future__ import annotations

import gc
import sys
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from mlflow_gitops.app.audit.line.line_part import LinePart
from mlflow_gitops.app.audit.selection import (
    approved_by,
    events_of_models,
    select_events,
    written_by,
)
from mlflow_gitops.app.audit.trail import AuditTrail
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.model_globs import is_glob
from mlflow_gitops.commands.output import note, print_result
from mlflow_gitops.core.audit.events import Event
from mlflow_gitops.errors import OK, UsageFailure
from mlflow_gitops.render import formats
from mlflow_gitops.render.log import Log
from mlflow_gitops.settings import Settings


@dataclass(frozen=True, slots=True)
class LogOptions:
    """Which events `log` prints, and how. None sets no limit; `number` counts the newest ones."""

    stage: str | None = None
    since: str | None = None
    until: str | None = None
    author: str | None = None
    approver: str | None = None
    number: int | None = None
    newest_first: bool = False
    pager: bool = True
    spreadsheet_safe: bool = False

    @property
    def is_about_people(self) -> bool:
        return self.author is not None or self.approver is not None

    @property
    def shows_all(self) -> bool:
        limits = (self.stage, self.since, self.until, self.number)
        return all(limit is None for limit in limits)


def run(settings: Settings, model: str | None, options: LogOptions, form: str) -> int:
    """Print the events of the main line, oldest first by default. `model` is a name or a glob.
    Raises Failure for a model, stage, time or revision that does not exist."""
    if options.spreadsheet_safe and form != "csv":
        raise UsageFailure("--spreadsheet-safe needs --format csv.")

    # The process ends after this. Looking for garbage among tens of thousands of events takes time
    # and finds none.
    gc.disable()
    try:
        return _run(settings, model, options, form)
    finally:
        # Freezing and unfreezing moves every object to the oldest generation. Otherwise the
        # collector would look through all of them as soon as it is enabled again.
        gc.freeze()
        gc.unfreeze()
        gc.enable()


def _run(settings: Settings, name: str | None, options: LogOptions, form: str) -> int:
    glob = name if name is not None and is_glob(name) else None
    model = name if glob is None else None
    is_recent = name is None and options.stage is None
    since = options.since if is_recent else None
    trail, selected = _newest(settings, name, options) or (None, [])
    if trail is None:
        trail = AuditTrail(
            Workspace(settings),
            model,
            LinePart(since=since),
            all_events=name is None and options.shows_all,
            keeps_states=model is not None,
        )
        selected = select_events(trail, options.stage, options.since, options.until)
    if glob is not None:
        selected = events_of_models(trail, selected, glob)
    selected = _chosen(trail, selected, options)

    with _paged(trail) if options.pager and sys.stdout.isatty() else nullcontext():
        log = Log(trail.audited(selected), trail.has_receipts, options.spreadsheet_safe)
        print_result(formats.LOG, form, log)
    if not selected:
        note(settings, "No events.")
    if model is not None:
        _note_departure(settings, trail)
    for hint in trail.hints():
        note(settings, hint)
    return OK


_COMMITS_AN_EVENT = (8, 100)
"""So many of the last commits are looked at for each event that is asked for, then so many."""


def _newest(
    settings: Settings, name: str | None, options: LogOptions
) -> tuple[AuditTrail, list[Event]] | None:
    """The newest events, if only a number of these is asked for and few commits have them."""
    limits = (name, options.stage, options.since, options.until)
    if options.number is None or options.is_about_people or any(limits):
        return None
    for commits in _COMMITS_AN_EVENT:
        last = options.number * commits
        trail = AuditTrail(Workspace(settings), part=LinePart(last=last), keeps_states=False)
        events = select_events(trail, None, None, None)
        newest = [event for event in events if event.index >= trail.start]
        if len(newest) >= options.number or trail.start == 0:
            return trail, newest
    return None


def _chosen(trail: AuditTrail, selected: list[Event], options: LogOptions) -> list[Event]:
    """The events that the options let through, in their order."""
    if options.number is not None and not options.is_about_people:
        selected = selected[-options.number :]
    if options.is_about_people:
        selected = _about_people(trail, selected, options)
    if options.newest_first:
        selected.reverse()
    return selected


def _about_people(trail: AuditTrail, selected: list[Event], options: LogOptions) -> list[Event]:
    """The events of an author or an approver, as many as asked for."""
    audited = trail.audit(selected)
    if options.author is not None:
        audited = written_by(audited, options.author)
    if options.approver is not None:
        audited = approved_by(audited, options.approver)
    events = [entry.event for entry in audited]
    return events[-(options.number or len(events)) :]


def _note_departure(settings: Settings, trail: AuditTrail) -> None:
    """Report who deleted the model's manifest, and what MLflow still has by the receipts."""
    [timeline] = trail.timelines
    index = len(trail.line.shas) - 1
    if timeline.desired_at(index) is not None:
        return

    from mlflow_gitops.app.audit.departures import departure
    from mlflow_gitops.render.audit.departures import departure_sentence, left_in_mlflow

    removal = departure(trail, timeline, index)
    if removal is None:
        return
    remaining = left_in_mlflow(removal.remaining)
    still = f" By the receipts, MLflow still has {remaining}." if remaining else ""
    note(settings, f"{timeline.model} was {departure_sentence(removal)}.{still}")


def _paged(trail: AuditTrail) -> AbstractContextManager[None]:
    from mlflow_gitops.edges.system.pager import paged  # needed on a terminal only

    # `--paginate` takes back the `--no-pager` that every call has, by which git answers `cat`.
    git = trail.workspace.git
    return paged(lambda: git.output("--paginate", "var", "GIT_PAGER", check=False))
