"""The range of `--since` and `--until`, for events of commits and for what receipts record."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mlflow_gitops.core.audit.events import Event
from mlflow_gitops.core.times import parse_time

_ONLY_RECORDED = ("drift", "flaw")


@dataclass(frozen=True, slots=True)
class EventRange:
    """Indexes on the line from `start` to `end`, the second one past the end; `first` and `last`
    are seconds since 1970, None if a revision set that limit, or nothing did. By default,
    everything is in it."""

    start: int = 0
    end: float = math.inf
    first: float | None = None
    last: float | None = None

    def contains_event(self, event: Event) -> bool:
        """Whether an event is in it: one of a commit by its place on the line, one that only
        receipts record by its time."""
        if event.kind in _ONLY_RECORDED:
            return self.contains_recorded(event.index, event.commit.at)
        return self.start <= event.index < self.end

    def contains_recorded(self, index: int, at: str) -> bool:
        """Whether something that a receipt records is in it: by the receipt's time or, if a
        revision set the limit, by its commit's index."""
        seconds = parse_time(at).timestamp()
        is_after = self.start <= index if self.first is None else self.first <= seconds
        is_before = index < self.end if self.last is None else seconds <= self.last
        return is_after and is_before
