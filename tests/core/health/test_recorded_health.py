"""Health as receipts hold it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mlflow_gitops.core.health.recorded_health import (
    RecordedHealth,
    recorded_health,
    stored_health,
)
from mlflow_gitops.core.health.verdict import HealthCheck, HealthVerdict

REASON = "error_rate was 0.08 > 0.02 over 812 samples."
CHECK = HealthCheck("error_rate", "prometheus", "rate(x)", "≤ 0.02", "unhealthy", REASON, 0.08, 3)
VERDICT = HealthVerdict(
    "fraud",
    "Production",
    14,
    "unhealthy",
    REASON,
    "2026-03-01T12:00:00Z",
    "2026-03-02T12:00:00Z",
    "2026-03-03T12:00:00Z",
    (CHECK,),
    samples=812,
)


def test_a_verdict_is_read_as_it_was_written() -> None:
    stored = json.loads(json.dumps(stored_health(VERDICT)))
    assert stored["checks"][0] == {
        "name": "error_rate",
        "state": "unhealthy",
        "value": 0.08,
        "limit": "≤ 0.02",
        "failures": 3,
        "query": "rate(x)",
        "reason": REASON,
    }
    [read] = recorded_health([stored])
    assert read == RecordedHealth(
        "Production", 14, "unhealthy", REASON, VERDICT.entered, VERDICT.at
    )
    assert read.sentence == f"14 was unhealthy in Production: {REASON}"


@pytest.mark.parametrize(
    "damage", [{"stage": 1}, {"version": "14"}, {"version": True}, {"state": "fine"}]
)
def test_entries_of_another_form_are_left_out(damage: dict[str, Any]) -> None:
    assert recorded_health([{**stored_health(VERDICT), **damage}]) == []
    assert recorded_health([{**stored_health(VERDICT), "reason": 1}])[0].reason == ""
