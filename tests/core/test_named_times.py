"""Times as people name them (RULES R1)."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from mlflow_gitops.core.named_times import is_in_words, parse_written_time
from mlflow_gitops.core.times import format_time


def seconds(*parts: int) -> float:
    return datetime(*parts, tzinfo=timezone.utc).timestamp()  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2026-01-31", seconds(2026, 1, 31), "2026-01-31T23:59:59Z"),
        ("1969-12-31", -86_400, "1969-12-31T23:59:59Z"),
        ("9999-12-31", seconds(9999, 12, 31), "9999-12-31T23:59:59Z"),
        ("2026-01-31 12:00", seconds(2026, 1, 31, 12), "2026-01-31T12:00:59Z"),
        ("2026-01-31 12:00 UTC", seconds(2026, 1, 31, 12), "2026-01-31T12:00:59Z"),
        ("2026-01-31T12:00", seconds(2026, 1, 31, 12), "2026-01-31T12:00:59Z"),
        ("2026-01-31T12:00:00Z", seconds(2026, 1, 31, 12), "2026-01-31T12:00:00Z"),
        ("2026-01-31t12:00:00z", seconds(2026, 1, 31, 12), "2026-01-31T12:00:00Z"),
        ("2026-01-31T12:00:00", seconds(2026, 1, 31, 12), "2026-01-31T12:00:00Z"),
        ("2026-01-31 12:00:00+02:00", seconds(2026, 1, 31, 10), "2026-01-31T10:00:00Z"),
        ("2026-01-31T12:00:00.25Z", seconds(2026, 1, 31, 12) + 0.25, "2026-01-31T12:00:00Z"),
        ("1969-12-31T23:59:59Z", -1.0, "1969-12-31T23:59:59Z"),
    ],
)
def test_a_time_in_numbers_is_a_whole_day_minute_or_second(
    text: str, first: float, last: str
) -> None:
    span = parse_written_time(text)
    assert span is not None and span.first == first and format_time(span.last) == last


@pytest.mark.parametrize(
    "text", ["HEAD", "main~3", "2026", "v2026-01-31", "2026-1-1", "", "20260131", "2026-01-31Z"]
)
def test_anything_else_is_no_time(text: str) -> None:
    assert parse_written_time(text) is None and not is_in_words(text)


@pytest.mark.parametrize("text", ["2026-02-30", "2026-13-01", "2026-01-31T25:00:00Z", "0000-01-01"])
def test_what_no_calendar_has(text: str) -> None:
    with pytest.raises(ValueError):
        parse_written_time(text)


@pytest.mark.parametrize(
    ("text", "is_time"),
    [
        ("yesterday", True),
        ("2 days ago", True),
        ("2.days.ago", True),
        ("Last Monday", True),
        ("two weeks ago", True),
        ("1 day 2 hours ago", True),
        ("yesterday 10:30", True),
        ("now", True),
        ("2 dasy ago", False),  # git reads this as the second of the month
        ("monday", False),  # git takes it for now
        ("release 2 days ago", False),
        ("main~3", False),
        ("5", False),
        ("noon yesterday", False),  # in the morning, git takes it for noon two days ago
        ("never", False),
    ],
)
def test_words_that_git_understands_whole(text: str, is_time: bool) -> None:
    assert is_in_words(text) is is_time
