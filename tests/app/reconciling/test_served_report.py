"""The report that the loop serves: of the main branch as it is now, and of the last round."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlflow_gitops.app.reconciling.served_report import ServedReport
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.plan.fingerprint import Fingerprint
from mlflow_gitops.core.plan.plan import ModelPlan, Plan
from mlflow_gitops.errors import GitFailure
from mlflow_gitops.settings import Settings
from tests.support.team import Team


def test_it_follows_the_main_branch_and_the_last_round(tmp_path: Path) -> None:
    team = Team(tmp_path / "models", "sqlite:////nowhere/mlflow.db")
    first = team.commit("Begin", churn="stages: {Production: 1}\n")
    plans: list[Plan] = []
    report = ServedReport(
        lambda: Workspace(Settings(repo=team.folder)), lambda: plans[-1] if plans else None
    )

    def shown(path: str = "index.html") -> str:
        return (report.page(path) or b"").decode()

    assert "MLflow was not read" in shown() and "Production 1" in shown()
    assert report.page("models/churn.html") is not None and report.page("models/other") is None

    plans.append(Plan(first, (ModelPlan("churn", None, "Drifted", None),), Fingerprint({})))
    assert "when the last round began" in shown() and ">Drifted<" in shown()

    team.commit("Promote 2", churn="stages: {Production: 2}\n")
    assert "Production 2" in shown() and ">Drifted<" not in shown(), "the plan is of another commit"


def test_a_clone_that_cannot_be_read_is_a_failure(tmp_path: Path) -> None:
    team = Team(tmp_path / "models", "sqlite:////nowhere/mlflow.db")
    report = ServedReport(lambda: Workspace(Settings(repo=team.folder)), lambda: None)
    with pytest.raises(GitFailure):
        report.page("index.html")
