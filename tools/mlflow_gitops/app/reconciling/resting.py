"""Models that fail rest: each is left alone for a while, twice as long after each failure in a
row."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mlflow_gitops.core.plan.outcome import Outcome

_LONGEST = 15 * 60.0
_JITTER = 0.1


def backoff(interval: float, failures: int) -> float:
    """Seconds until the next try: the interval, doubled with each failure in a row up to 15
    minutes."""
    return min(interval * 2.0 ** min(failures, 16), max(interval, _LONGEST))


def jittered(seconds: float) -> float:
    """A little more or less, so that many watchers do not send their requests at once."""
    return seconds * random.uniform(1 - _JITTER, 1 + _JITTER)


@dataclass(frozen=True, slots=True)
class _FailedModel:
    failures: int
    until: float


class RestingModels:
    """The models that failed. A model that stays broken so keeps no other waiting and writes no
    receipt in each round. A new commit may fix it, and ends its rest.

    `interval` is in seconds; `clock` is monotonic.
    """

    def __init__(self, interval: float, clock: Callable[[], float]) -> None:
        self._interval = interval
        self._clock = clock
        self._commit: str | None = None
        self._failed: dict[str, _FailedModel] = {}

    def at(self, commit: str) -> set[str]:
        """The models that rest now, `commit` being the one to reconcile."""
        if commit != self._commit:
            self._commit = commit
            self._failed.clear()

        now = self._clock()
        return {model for model, failed in self._failed.items() if now < failed.until}

    def update(self, outcomes: Iterable[Outcome]) -> None:
        """Let the models that failed rest, and end the rest of the others."""
        for outcome in outcomes:
            last = self._failed.pop(outcome.model, None)
            if outcome.result == "failed":
                failures = last.failures + 1 if last else 1
                until = self._clock() + backoff(self._interval, failures)
                self._failed[outcome.model] = _FailedModel(failures, until)
