"""Dates in words, as git reads them, counted back from a given now."""

from __future__ import annotations

import subprocess
from datetime import datetime, timezone
from pathlib import Path

import pytest

from mlflow_gitops.core.times import format_time
from mlflow_gitops.edges.git.command import GitCommand
from mlflow_gitops.edges.git.dates import seconds_in_words

FRIDAY = datetime(2027, 1, 15, 8, tzinfo=timezone.utc).timestamp()


@pytest.mark.parametrize(
    ("words", "time"),
    [
        ("yesterday", "2027-01-14T08:00:00Z"),
        ("2 days ago", "2027-01-13T08:00:00Z"),
        ("2.days.ago", "2027-01-13T08:00:00Z"),
        ("last monday", "2027-01-11T08:00:00Z"),
        ("two weeks ago", "2027-01-01T08:00:00Z"),
        ("yesterday 10:30", "2027-01-14T10:30:00Z"),
        ("now", "2027-01-15T08:00:00Z"),
        ("ago", None),
        ("nonsense", None),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo"])
def test_words(
    words: str, time: str | None, zone: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    monkeypatch.setenv("TZ", zone)
    seconds = seconds_in_words(GitCommand(tmp_path), words, FRIDAY)
    assert (None if seconds is None else format_time(seconds)) == time
