"""Where live values come from, as the verdict on them sees it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol


class TimedValue(NamedTuple):
    """A number, and the moment that it is of, in UTC. It may be infinite or not a number."""

    at: datetime
    value: float


class NoValue(Exception):
    """A value that cannot be read, or that is no single number. The text says why, and completes a
    sentence about the value."""


class LiveValues(Protocol):
    """What monitors one version. Methods raise NoValue."""

    @property
    def environment(self) -> str | None:
        """The name of the environment; None if there is only one."""

    def query(self, query: str, at: datetime) -> float:
        """The one number that a PromQL query has at a moment."""

    def query_range(
        self, query: str, first: datetime, last: datetime, step: timedelta
    ) -> Sequence[TimedValue]:
        """The numbers of the one series of a PromQL query, in the order of their times. Times
        without a number are left out."""

    def metric_values(self, key: str) -> Sequence[TimedValue]:
        """All values that the version's run has of a metric, in any order."""

    def tag(self, key: str) -> str | None:
        """A tag of the version that nobody but a monitor sets; None if there is none."""
