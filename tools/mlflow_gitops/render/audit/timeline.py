"""The time axis of the report's bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlflow_gitops.core.audit.report.lanes import Lane
from mlflow_gitops.core.times import format_time, parse_time

_TICKS = 4


@dataclass(frozen=True, slots=True)
class Timeline:
    """The time that all bars cover, in seconds since 1970."""

    start: float
    end: float

    @classmethod
    def of(cls, lanes_of: Mapping[str, Sequence[Lane]], until: str) -> Timeline:
        """From the first bar of any model to a time, RFC 3339."""
        end = parse_time(until).timestamp()
        starts = [
            parse_time(span.start).timestamp()
            for lanes in lanes_of.values()
            for lane in lanes
            for span in lane.spans
        ]
        return cls(min([end, *starts]), end)

    def position(self, time: str) -> float:
        """The distance of an RFC 3339 time from the start, in per cent of the length."""
        length = self.end - self.start
        if not length:
            return 0.0
        share = (parse_time(time).timestamp() - self.start) / length
        return 100 * min(max(share, 0.0), 1.0)

    def ticks(self) -> list[dict[str, Any]]:
        """A few labelled moments: days, or minutes if the whole timeline is short."""
        length = self.end - self.start
        if not length:
            return []
        is_long = length > 3 * 86_400
        digits = len("2026-01-31") if is_long else len("2026-01-31T12:00")
        return [
            {
                "left": 100 * tick / _TICKS,
                "label": format_time(self.start + length * tick / _TICKS)[:digits].replace(
                    "T", " "
                ),
            }
            for tick in range(_TICKS + 1)
        ]
