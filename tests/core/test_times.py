"""Times as people name them (RULES R1)."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from mlflow_gitops.core.times import ago, minute, named_time, shown


def seconds(*parts: int) -> float:
    return datetime(*parts, tzinfo=timezone.utc).timestamp()  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-01-31T12:00:00Z", seconds(2026, 1, 31, 12)),
        ("2026-01-31t12:00:00z", seconds(2026, 1, 31, 12)),
        ("2026-01-31 12:00:00+02:00", seconds(2026, 1, 31, 10)),
        ("2026-01-31T12:00:00.25Z", seconds(2026, 1, 31, 12) + 0.25),
        ("1969-12-31T23:59:59Z", -1.0),
    ],
)
def test_a_moment(text: str, at: float) -> None:
    assert named_time(text) == at


@pytest.mark.parametrize("day", ["2026-01-31", "2024-02-29", "9999-12-31", "1969-12-31"])
def test_a_day_is_its_end(day: str) -> None:
    end = named_time(day)
    last = named_time(f"{day}T23:59:59Z")
    assert end is not None and last is not None and last < end < last + 1
    assert shown(end) == f"{day}T23:59:59Z"


@pytest.mark.parametrize(
    "text",
    ["HEAD", "main~3", "2026", "2026-01-31T12:00:00", "v2026-01-31", "2026-1-1", "", "20260131"],
)
def test_anything_else_is_a_revision(text: str) -> None:
    assert named_time(text) is None


@pytest.mark.parametrize("text", ["2026-02-30", "2026-13-01", "2026-01-31T25:00:00Z", "0000-01-01"])
def test_what_no_calendar_has(text: str) -> None:
    with pytest.raises(ValueError):
        named_time(text)


def test_how_long_ago() -> None:
    then = "2026-01-31T12:00:00Z"
    assert ago(then, "2026-01-31T12:00:59Z") == "a moment"
    assert ago(then, "2026-01-31T12:01:00Z") == "1 minute"
    assert ago(then, "2026-01-31T14:59:00Z") == "2 hours"
    assert ago(then, "2026-02-03T11:00:00Z") == "2 days"
    assert ago(then, "2026-01-30T11:00:00Z") == ""
    assert minute("2026-01-31T12:34:56.789Z") == "2026-01-31 12:34"
    assert shown(10.0**15) == "9999-12-31T23:59:59Z", "clocks have said so"
