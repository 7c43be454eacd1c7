"""`log`: the audit trail as events."""

from __future__ import annotations

import gc

from mlflow_gitops.app.audit import AuditTrail, written_by
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
    revision that there is not."""
    # one process, one answer: looking for garbage among ten thousands of events finds none
    gc.disable()
    try:
        return _run(settings, model, stage, since, until, author, form)
    finally:
        # Through both, all that is there counts as old: else it would be looked through as soon as
        # this is on again.
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
    told = trail.audit(trail.select(stage, since, until))
    if author is not None:
        told = written_by(told, author)

    print_result(formats.LOG, form, Log(told, trail.has_receipts))
    if not told:
        note(settings, "No events.")
    for hint in trail.hints():
        note(settings, hint)
    return OK
