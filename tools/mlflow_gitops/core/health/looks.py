"""The last looks at one check's value: the numbers that its row of failures is made of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

from mlflow_gitops.core.health.query import QueryFault, fill_query
from mlflow_gitops.core.health.rule import CheckRule, ValueSource
from mlflow_gitops.core.health.values import LiveValues, NoValue, TimedValue
from mlflow_gitops.core.recorded.measurements import MAX_VALUE
from mlflow_gitops.core.times import format_datetime, parse_duration, parse_time

SKEW = timedelta(minutes=15)
"""How far the clock of a monitor may be ahead."""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True, slots=True)
class WatchedVersion:
    """One version in the stage that it entered at `entered`, looked at at `at`, both in UTC."""

    model: str
    stage: str
    number: int
    entered: datetime
    at: datetime


class Looks(NamedTuple):
    """The query as it was sent, or the key, and the values in the order of their times, as many as
    may be a row. `next_at` is the time of the first look, if there was none yet."""

    query: str
    values: Sequence[TimedValue]
    next_at: datetime | None = None


def filled(
    source: ValueSource, watched: WatchedVersion, live: LiveValues, window: timedelta
) -> str:
    """The query for a version. `$window` is the window, or the time since the entry while that is
    shorter. Raises NoValue for a query that cannot be filled."""
    labels = {
        "model": watched.model,
        "version": str(watched.number),
        "stage": watched.stage,
        "environment": live.environment or "",
    }
    try:
        return fill_query(source.text, labels, min(window, watched.at - watched.entered))
    except QueryFault as fault:
        raise NoValue(f"its query is wrong: {fault}") from None


def prometheus_looks(
    check: CheckRule, watched: WatchedVersion, live: LiveValues, query: str
) -> Looks:
    """The looks at the multiples of `every` since 1970, so that each command has the same ones."""
    step = check.interval
    last = _EPOCH + ((watched.at - _EPOCH) // step) * step
    times = [last - step * index for index in reversed(range(check.failures))]
    times = [time for time in times if time >= watched.entered]
    if not times:
        return Looks(query, (), last + step)

    values = {value.at: value for value in live.query_range(query, times[0], last, step)}
    if last not in values:
        raise NoValue(f"there is no data at {format_datetime(last)}")
    _check_number(values[last])
    return Looks(query, tuple(values[time] for time in times if time in values), None)


def monitor_looks(check: CheckRule, watched: WatchedVersion, live: LiveValues) -> Looks:
    """The last values of a metric or tag since the entry. The newest must be new enough."""
    source = check.source
    if source.kind == "metric":
        values = live.metric_values(source.text)
    else:
        values = (tag_value(source.text, live.tag(source.text)),)
    newest = newest_values(values, source, watched)
    return Looks(source.text, newest[-check.failures :])


def newest_values(
    values: Sequence[TimedValue], source: ValueSource, watched: WatchedVersion
) -> Sequence[TimedValue]:
    """The values since the entry, in the order of their times. Raises NoValue if there is none, or
    if the newest is too old, from the future, or no number."""
    if not values:
        raise NoValue(f"the {source.kind} {source.text} is missing")
    in_order = sorted(values, key=lambda value: value.at)
    newest = in_order[-1]
    shown = format_datetime(newest.at)
    if newest.at > watched.at + SKEW:
        raise NoValue(f"its newest value is of {shown}, which has not come yet")
    if newest.at < watched.entered:
        raise NoValue(f"its newest value is of {shown}, before the version entered the stage")
    if watched.at - newest.at > parse_duration(source.newer_than or "0s"):
        raise NoValue(f"its newest value is of {shown}, which is older than {source.newer_than}")
    _check_number(newest)
    return [value for value in in_order if value.at >= watched.entered]


def tag_value(key: str, text: str | None) -> TimedValue:
    """The value of a tag, `0.12@2026-01-31T12:00:00Z`: MLflow keeps no time with a tag (3.17).
    Raises NoValue if it is missing or not written so."""
    if text is None:
        raise NoValue(f"the tag {key} is missing")
    number, _, time = text.partition("@")
    try:
        return TimedValue(parse_time(time.strip()), float(number))
    except ValueError:
        raise NoValue(
            f"the tag {key} is not a number and its time, such as 0.12@2026-01-31T12:00:00Z"
        ) from None


def is_number(value: float) -> bool:
    """Whether a value is a number that somebody measured."""
    return math.isfinite(value) and abs(value) < MAX_VALUE


def _check_number(newest: TimedValue) -> None:
    if not is_number(newest.value):
        shown = format_datetime(newest.at)
        raise NoValue(f"its value at {shown} is {newest.value:.6g}, which is no measured number")
