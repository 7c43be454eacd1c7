"""What is still to be sent to each channel, and what was sent: one message for one thing, however
often a loop finds it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from mlflow_gitops.core.notifying.events import EventKind, NotifyEvent

MOST_PENDING = 500
"""Events that are kept for a channel which takes no messages. The oldest go first."""

SentEvents = Mapping[str, Mapping[str, str]]
"""By channel: the keys of the ongoing events that it was sent, each with the event's kind."""


class Outbox:
    """Collects the events of each channel until they were delivered.

    An event happens once (`applied`), or goes on until something ends it (`refused`). An ongoing
    one is sent once, and again only after it had ended.
    """

    def __init__(self, sent: SentEvents | None = None) -> None:
        self._sent = {channel: dict(keys) for channel, keys in (sent or {}).items()}
        self._pending: dict[str, dict[str, NotifyEvent]] = {}
        self._ongoing: dict[str, EventKind] = {}

    @property
    def sent(self) -> SentEvents:
        """What has to be remembered."""
        return {channel: dict(keys) for channel, keys in self._sent.items() if keys}

    def add_happened(self, routed: Mapping[str, Iterable[NotifyEvent]]) -> None:
        """Add events that happened once."""
        for channel, events in routed.items():
            self._add(channel, events)

    def add_ongoing(
        self, routed: Mapping[str, Iterable[NotifyEvent]], kinds: Collection[EventKind]
    ) -> None:
        """Add the events of these kinds that go on now. Those that went on before and are not among
        them have ended."""
        ongoing = {event.key: event.kind for group in routed.values() for event in group}
        self._end(ongoing, kinds)
        unaffected = {key: kind for key, kind in self._ongoing.items() if kind not in kinds}
        self._ongoing = {**unaffected, **ongoing}
        for channel, group in routed.items():
            sent = self._sent.get(channel, {})
            self._add(channel, (event for event in group if event.key not in sent))

    def due(self) -> dict[str, tuple[NotifyEvent, ...]]:
        """What each channel is still to get."""
        return {channel: tuple(events.values()) for channel, events in self._pending.items()}

    def delivered(self, channel: str) -> None:
        """Note that a channel took all that was due."""
        for key, event in self._pending.pop(channel, {}).items():
            if key in self._ongoing:
                self._sent.setdefault(channel, {})[key] = event.kind

    def _add(self, channel: str, events: Iterable[NotifyEvent]) -> None:
        pending = self._pending.get(channel, {})
        pending |= {event.key: event for event in events if event.key not in pending}
        while len(pending) > MOST_PENDING:
            del pending[next(iter(pending))]
        if pending:
            self._pending[channel] = pending

    def _end(self, ongoing: Collection[str], kinds: Collection[EventKind]) -> None:
        """Forget the events of these kinds that have ended, sent or not."""
        for channel, keys in self._sent.items():
            self._sent[channel] = {
                key: kind for key, kind in keys.items() if key in ongoing or kind not in kinds
            }
        ended = {key for key, kind in self._ongoing.items() if kind in kinds and key not in ongoing}
        pending = {
            channel: {key: event for key, event in events.items() if key not in ended}
            for channel, events in self._pending.items()
        }
        self._pending = {channel: events for channel, events in pending.items() if events}
