"""Notifies of what goes on in a pull request's plan or in an issue. The text that is kept on the
forge remembers what was sent, in an invisible line: each run is a new clone."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from mlflow_gitops.app.notifying.notifications import Notifications
from mlflow_gitops.app.notifying.settings_file import merged_settings
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.notifying.events import EventKind, NotifyEvent
from mlflow_gitops.core.notifying.outbox import SentEvents
from mlflow_gitops.core.plan.plan import Plan
from mlflow_gitops.core.times import parse_time
from mlflow_gitops.errors import Failure

LATE = timedelta(hours=2)
"""How long what was merged may wait for a reconcile: `heal.yml` starts one every hour."""

_LINE = re.compile(r"<!-- mlflow-gitops:notified ([a-z0-9: -]*|\*) -->")
_NOTHING_MORE = "*"
_MOST_CHARACTERS = 60_000
"""Characters of a text with its line. GitHub takes 65,536."""


def notified_text(
    workspace: Workspace,
    events: Sequence[NotifyEvent],
    kinds: Sequence[EventKind],
    kept_text: Callable[[], str | None],
    text: str,
) -> str:
    """Send those of the events that the kept text does not name, and return the new text with the
    line that names what was sent. `events` are all that go on of these kinds. Without
    `notify.yaml`, the text is returned as it is."""
    try:
        if merged_settings(workspace) is None:
            return text
        match = _LINE.search(kept_text() or "")
    except Failure as failure:
        workspace.settings.warn(f"nobody was notified: {failure}")
        return text

    sent_line = match[1] if match is not None else ""
    if sent_line == _NOTHING_MORE:
        return f"<!-- mlflow-gitops:notified {_NOTHING_MORE} -->\n{text}"
    notifications = Notifications(_read(sent_line, kinds[0]))
    for fault in notifications.report(workspace, ongoing=events, kinds=kinds):
        workspace.settings.warn(fault)
    line = _line(notifications.sent)
    if len(line) + len(text) > _MOST_CHARACTERS:
        line = _NOTHING_MORE  # until the text goes, nothing more is sent about it
    return f"<!-- mlflow-gitops:notified {line} -->\n{text}"


def late_event(plan: Plan, now: datetime) -> NotifyEvent | None:
    """The event that the reconciler does not run, if what was merged long ago waits for it; None if
    nothing does."""
    waiting = {
        model.model: change.commit
        for model in plan.models
        for change in model.applying
        if change.cause == "commit" and change.commit is not None
        if parse_time(change.commit.at) <= now - LATE
    }
    if not waiting:
        return None
    oldest = min(waiting.values(), key=lambda commit: commit.at)
    detail = (
        f"{oldest.sha[:7]} of {oldest.at} is not reconciled; models that wait: {len(waiting)}."
        " Look at the runs of reconcile"
    )
    return NotifyEvent("reconciler_late", detail)


def _line(sent: SentEvents) -> str:
    return " ".join(f"{channel}:{key}" for channel, keys in sent.items() for key in keys)


def _read(line: str, kind: EventKind) -> SentEvents:
    sent: dict[str, dict[str, str]] = {}
    for entry in line.split():
        channel, _, key = entry.partition(":")
        sent.setdefault(channel, {})[key] = kind
    return sent
