"""A repository on the GitHub of the tests, its workflows, and the MLflow that they reach."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.act import must_have_act
from tests.support.description import packages
from tests.support.github_api import GitHubAPI
from tests.support.github_state import Repository
from tests.support.servers import mlflow_server
from tests.workflows.repository import WorkflowRepository


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One `mlflow server` for these tests; each has models of its own. Without act there is nothing
    to do with it. GitHub's own descriptions check what is asked of GitHub."""
    must_have_act()
    folder = tmp_path_factory.mktemp("mlflow")
    with (
        packages.checked_if_installed(),
        mlflow_server(folder, f"sqlite:///{folder / 'mlflow.db'}") as address,
    ):
        yield address


@pytest.fixture
def repo(tmp_path: Path, server: str) -> Iterator[WorkflowRepository]:
    with GitHubAPI(Repository(tmp_path / "github")).serving() as api:
        yield WorkflowRepository(tmp_path, api, server)
