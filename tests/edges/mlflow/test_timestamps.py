"""MLflow's milliseconds as text."""

from __future__ import annotations

import pytest

from mlflow_gitops.edges.mlflow.timestamps import timestamp_text

LAST = 253_402_300_799_999


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (None, None),
        (0, None),
        (1_767_323_045_999, "2026-01-02T03:04:05Z"),
        (1, "1970-01-01T00:00:00Z"),
        (-1, "1969-12-31T23:59:59Z"),
        (LAST, "9999-12-31T23:59:59Z"),
        (LAST + 1, None),
        (10**18, None),
    ],
)
def test_seconds(milliseconds: int | None, text: str | None) -> None:
    assert timestamp_text(milliseconds) == text


def test_milliseconds() -> None:
    assert timestamp_text(1_767_323_045_067, "milliseconds") == "2026-01-02T03:04:05.067Z"
