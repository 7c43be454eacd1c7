"""What limits reconcile by the policy: a freeze, and the number of changes in one run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from mlflow_gitops.core.times import parse_time


@dataclass(frozen=True, slots=True)
class Freeze:
    """A time in which only rollbacks are reconciled. `until` is the text in the policy."""

    reason: str
    until: str

    @property
    def end(self) -> datetime:
        """When the freeze ends. A date without a time includes the whole day, in UTC. Raises
        ValueError if the calendar has no such time."""
        is_day = len(self.until) <= 10
        return parse_time(f"{self.until}T23:59:59.999999Z" if is_day else self.until)

    def is_active(self, now: str) -> bool:
        """Whether the freeze is active at `now` (RFC 3339)."""
        return parse_time(now) <= self.end


@dataclass(frozen=True, slots=True)
class Limit:
    """How many models one run may change: a share of all models, but at least `floor`."""

    percent: float = 0
    floor: int = 0

    def max_changes(self, models: int) -> int:
        """The number of models that may change if there are `models` in all."""
        return max(self.floor, int(models * self.percent / 100))
