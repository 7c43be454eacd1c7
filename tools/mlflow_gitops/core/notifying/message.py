"""Messages: who gets which events, as one text for each channel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mlflow_gitops.core.notifying.events import HEADINGS, EventKind, NotifyEvent
from mlflow_gitops.core.notifying.plain_text import plain
from mlflow_gitops.core.notifying.settings import NotifySettings

MOST_LINES = 10
"""Events of one kind that a message lists; the others are counted."""

MOST_CHARACTERS = 1_800
"""Characters of a message's text. Discord takes 2,000 (2026)."""

_MOST_PAGES = 3

_ORDER: tuple[EventKind, ...] = (
    "unhealthy",
    "rolled_back",
    "refused",
    "approval_needed",
    "reconciler_late",
    "drift",
    "applied",
)
"""What matters most comes first."""


@dataclass(frozen=True, slots=True)
class Message:
    """What one channel gets about one run: a line without a break, and a text of several lines."""

    channel: str
    title: str
    text: str
    events: tuple[NotifyEvent, ...]


def routed(
    settings: NotifySettings, events: Iterable[NotifyEvent], environment: str | None
) -> dict[str, tuple[NotifyEvent, ...]]:
    """The events that each channel gets, each once. Channels that get none are left out."""
    by_channel: dict[str, dict[str, NotifyEvent]] = {}
    for event in events:
        for rule in settings.rules:
            if rule.fits(event, environment):
                for channel in rule.to:
                    by_channel.setdefault(channel, {}).setdefault(event.key, event)
    return {channel: tuple(found.values()) for channel, found in by_channel.items()}


def message_for(channel: str, events: Sequence[NotifyEvent], environment: str | None) -> Message:
    """One message about all these events."""
    by_kind = {
        kind: [event for event in events if event.kind == kind]
        for kind in _ORDER
        if any(event.kind == kind for event in events)
    }
    suffix = f" ({environment})" if environment else ""
    title = f"mlflow-gitops{suffix}: {_summary(by_kind)}"
    return Message(channel, title, _text(by_kind), tuple(events))


def _summary(by_kind: Mapping[EventKind, Sequence[NotifyEvent]]) -> str:
    events = [event for group in by_kind.values() for event in group]
    if len(events) == 1 and events[0].model:
        return f"{plain(events[0].model, 80)}: {HEADINGS[events[0].kind]}"
    return ", ".join(f"{len(group)} {HEADINGS[kind]}" for kind, group in by_kind.items())


def _text(by_kind: Mapping[EventKind, Sequence[NotifyEvent]]) -> str:
    lines: list[str] = []
    size = 0
    for kind, events in by_kind.items():
        group = [f"{HEADINGS[kind]}:"]
        for event in events[:MOST_LINES]:
            line = _line(event)
            if size + len(line) > MOST_CHARACTERS:
                break
            group.append(line)
            size += len(line)
        if (unlisted := len(events) - len(group) + 1) > 0:
            group.append(f"- and {unlisted} more")
        lines += group
    pages = {event.url: None for events in by_kind.values() for event in events if event.url}
    return "\n".join([*lines, *list(pages)[:_MOST_PAGES]])


def _line(event: NotifyEvent) -> str:
    detail = plain(event.detail)
    return f"- {plain(event.model, 80)}: {detail}" if event.model else f"- {detail}"
