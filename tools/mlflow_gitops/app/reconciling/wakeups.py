"""Models that the watch loop looks at before its next round is due, since somebody says that they
changed."""

from __future__ import annotations

import threading
from collections.abc import Callable

MOST_MODELS = 100
"""Models of one woken round. With more, the next round looks at every model."""

GATHERING = 1.0
"""Seconds for which a first call waits for others: a promotion changes several things at once."""

PAUSE = 10.0
"""Seconds between two woken rounds, however many calls there are."""


class Wakeups:
    """Collects calls from several threads. `wake` ends the loop's wait; `clock` is monotonic."""

    def __init__(self, wake: Callable[[], None], clock: Callable[[], float]) -> None:
        self._wake = wake
        self._clock = clock
        self._lock = threading.Lock()
        self._models: set[str] = set()
        self._taken_at = -PAUSE

    def add(self, model: str) -> None:
        """Ask the loop to look at a model. The first call since `drain` ends the loop's wait."""
        with self._lock:
            is_first = not self._models
            if len(self._models) <= MOST_MODELS:
                self._models.add(model)
        if is_first:
            self._wake()

    @property
    def is_empty(self) -> bool:
        return not self._models

    def pause(self) -> float:
        """Seconds to wait before `drain`."""
        return max(GATHERING, self._taken_at + PAUSE - self._clock())

    def drain(self) -> frozenset[str] | None:
        """The models since the last call; None if they are too many to be named."""
        with self._lock:
            models = frozenset(self._models)
            self._models.clear()
        self._taken_at = self._clock()
        return models if len(models) <= MOST_MODELS else None
