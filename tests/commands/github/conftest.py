"""A team, its GitHub and its MLflow, for the commands that a workflow runs."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.github.hub import POLICY, STAGES, Hub
from tests.support.github.job import as_a_job
from tests.support.github_api import GitHubAPI
from tests.support.github_state import Repository
from tests.support.team import Team


@pytest.fixture(scope="session")
def prepared(
    tmp_path_factory: pytest.TempPathFactory, blank_registry: Callable[[Path], str]
) -> Path:
    """What each test has a copy of."""
    from mlflow import MlflowClient

    folder = tmp_path_factory.mktemp("hub")
    uri = blank_registry(folder / "mlflow.db")
    client = MlflowClient(uri)
    client.create_registered_model("churn")
    for _ in range(3):
        client.create_model_version(
            "churn", "s3://models/x", tags={"validation": "passed"}, await_creation_for=0
        )
    team = Team(folder / "clone", uri)
    team.write(
        "policy.yaml", "stages: {Staging: {alias: staging}, Production: {alias: production}}\n"
    )
    team.commit("First", churn=STAGES.format(1))
    team.write("policy.yaml", POLICY)
    team.commit("Approvals")
    team.reconcile()
    team.git("remote", "add", "origin", str(Repository(folder / "hub").path))
    team.git("push", "-q", "origin", "main")
    return folder


@pytest.fixture
def hub(tmp_path: Path, prepared: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    shutil.copytree(prepared, tmp_path, dirs_exist_ok=True)
    with GitHubAPI(Repository(tmp_path / "hub")).serving() as api:
        made = Hub(tmp_path, api)
        as_a_job(api, tmp_path, monkeypatch)
        monkeypatch.setenv("GITHUB_RUN_ID", "77")
        yield made
