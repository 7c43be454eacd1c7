"""Times as people name them (RULES R1)."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from mlflow_gitops.core.times import (
    age,
    format_datetime,
    format_duration,
    format_minute,
    format_time,
    parse_duration,
)


def test_how_long_ago() -> None:
    then = "2026-01-31T12:00:00Z"
    assert age(then, "2026-01-31T12:00:59Z") == "a moment"
    assert age(then, "2026-01-31T12:01:00Z") == "1 minute"
    assert age(then, "2026-01-31T14:59:00Z") == "2 hours"
    assert age(then, "2026-02-03T11:00:00Z") == "2 days"
    assert age(then, "2026-01-30T11:00:00Z") == ""
    assert format_minute("2026-01-31T12:34:56.789Z") == "2026-01-31 12:34"
    assert format_time(10.0**15) == "9999-12-31T23:59:59Z", "clocks have said so"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (172799, "47 h"),
        (172800, "2 days"),
    ],
)
def test_a_length_of_time_in_words(seconds: int, text: str) -> None:
    assert format_duration(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(
    ("text", "seconds"), [("24h", 86400), ("3d", 259200), ("1d12h", 129600), ("1w2m3s", 604923)]
)
def test_a_length_of_time_as_policies_write_it(text: str, seconds: int) -> None:
    assert parse_duration(text).total_seconds() == seconds


def test_a_moment_is_written_in_utc() -> None:
    berlin = timezone(timedelta(hours=2))
    moment = datetime(2026, 1, 31, 12, 34, 56, 789_000, tzinfo=berlin)
    assert format_datetime(moment) == "2026-01-31T10:34:56Z"
    assert format_datetime(moment, "milliseconds") == "2026-01-31T10:34:56.789Z"
