"""Live values for tests: numbers by query, and what a monitor wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mlflow_gitops.core.health.values import NoValue, TimedValue
from mlflow_gitops.core.times import parse_time


def at(text: str) -> datetime:
    return parse_time(text)


@dataclass
class GivenValues:
    """The methods of `core.health.values.LiveValues`. A value of `numbers` is one number at all
    times, or numbers by time; one that is a text is why there is none."""

    numbers: Mapping[str, float | str | Mapping[str, float]] = field(default_factory=dict)
    metrics: Mapping[str, Sequence[tuple[str, float]]] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    environment: str | None = None
    queries: list[str] = field(default_factory=list)

    def query(self, query: str, at: datetime) -> float:
        number = self._number(query)
        assert not isinstance(number, Mapping)
        return number

    def query_range(
        self, query: str, first: datetime, last: datetime, step: timedelta
    ) -> Sequence[TimedValue]:
        number = self._number(query)
        if isinstance(number, Mapping):
            values = [TimedValue(at(time), value) for time, value in number.items()]
            return [value for value in values if first <= value.at <= last]
        count = (last - first) // step + 1
        return [TimedValue(first + step * index, number) for index in range(count)]

    def metric_values(self, key: str) -> Sequence[TimedValue]:
        return [TimedValue(at(time), value) for time, value in self.metrics.get(key, ())]

    def tag(self, key: str) -> str | None:
        return self.tags.get(key)

    def _number(self, query: str) -> float | Mapping[str, float]:
        self.queries.append(query)
        number = self.numbers.get(query, "there is no data")
        if isinstance(number, str):
            raise NoValue(number)
        return number
