"""`log`: the audit trail as events."""

from __future__ import annotations

import gc

from mlflow_gitops.app.audit.trail import AuditTrail, written_by
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.output import note, print_result
from mlflow_gitops.errors import OK
from mlflow_gitops.render import formats
from mlflow_gitops.render.log import Log
from mlflow_gitops.settings import Settings


def run(
    settings: Settings,
    model: str | None,
    stage: str | None,
    since: str | None,
    until: str | None,
    author: str | None,
    form: str,
) -> int:
    """Print the events of the main line, oldest first. Raises Failure for a model, stage, time or
    revision that does not exist."""
    # The process ends after this. Looking for garbage among tens of thousands of events takes time
    # and finds none.
    gc.disable()
    try:
        return _run(settings, model, stage, since, until, author, form)
    finally:
        # Freezing and unfreezing moves every object to the oldest generation. Otherwise the
        # collector would look through all of them as soon as it is enabled again.
        gc.freeze()
        gc.unfreeze()
        gc.enable()


def _run(
    settings: Settings,
    model: str | None,
    stage: str | None,
    since: str | None,
    until: str | None,
    author: str | None,
    form: str,
) -> int:
    trail = AuditTrail(
        Workspace(settings), model, all_events=(model, stage, since, until) == (None,) * 4
    )
    events = trail.audit(trail.select(stage, since, until))
    if author is not None:
        events = written_by(events, author)

    print_result(formats.LOG, form, Log(events, trail.has_receipts))
    if not events:
        note(settings, "No events.")
    for hint in trail.hints():
        note(settings, hint)
    return OK
