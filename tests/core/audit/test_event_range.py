"""The range of --since and --until, for commits and for what only receipts record."""

from __future__ import annotations

import pytest

from mlflow_gitops.core.audit.event_range import EventRange
from mlflow_gitops.core.audit.events import Event
from mlflow_gitops.core.history.mainline import Commit
from mlflow_gitops.core.times import parse_time


def seconds(day: int) -> float:
    return parse_time(f"2026-01-{day:02}T00:00:00Z").timestamp()


def event(kind: str, index: int, day: int) -> Event:
    commit = Commit("a" * 40, f"2026-01-{day:02}T12:00:00Z", "", "")
    return Event(kind, index, commit)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "index", "day", "is_in"),
    [
        ("stage", 1, 9, False),
        ("stage", 2, 9, True),
        ("stage", 4, 9, False),
        ("drift", 1, 5, True),
        ("drift", 9, 5, True),
        ("drift", 2, 3, False),
        ("flaw", 2, 7, False),
    ],
)
def test_by_times(kind: str, index: int, day: int, is_in: bool) -> None:
    chosen = EventRange(2, 4, seconds(4), seconds(7))
    assert chosen.contains_event(event(kind, index, day)) is is_in


@pytest.mark.parametrize(("index", "is_in"), [(1, False), (2, True), (3, True), (4, False)])
def test_by_revisions(index: int, is_in: bool) -> None:
    assert EventRange(2, 4).contains_event(event("drift", index, 1)) is is_in
