"""`status`: MLflow's own status (RULES R3)."""

from __future__ import annotations

from mlflow_gitops.core.gates import Finding, status
from tests.support.core.subjects import subject


def test_status() -> None:
    assert status.ask(subject(), "READY") == Finding("passed", "status READY")
    late = subject(status="PENDING_REGISTRATION")
    assert status.ask(late, "READY") == Finding("failed", "status PENDING_REGISTRATION, not READY")
    absent = status.ask(subject(versions=(12,)), "READY")
    assert absent.status == "failed" and absent.detail.startswith("14 is not in MLflow yet")
