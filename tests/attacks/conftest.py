"""A company under attack: its repository, its GitHub and its MLflow, with gates on Production.
`churn` 1 holds it; 2 and 3 are registered beside it, 2 validated."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.attacks.company import MODEL, POLICY, Company
from tests.support.github_api import GitHubAPI
from tests.support.github_state import Repository
from tests.support.team import Team
from tests.support.together import common_folder, locked

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("attack")


@pytest.fixture(scope="session")
def honest(tmp_path_factory: pytest.TempPathFactory, blank_registry: Callable[[Path], str]) -> Path:
    """The company before anybody attacks it, made once for all workers; each test has a copy."""
    folder = common_folder(tmp_path_factory) / "honest"
    lock = folder.with_suffix(".lock")
    with locked(lock):
        if not folder.exists():
            _make(folder.with_name("honest-in-the-making"), blank_registry).rename(folder)
    return folder


def _make(folder: Path, blank_registry: Callable[[Path], str]) -> Path:
    from mlflow import MlflowClient

    folder.mkdir()
    uri = blank_registry(folder / "mlflow.db")
    client = MlflowClient(uri)
    client.create_registered_model(MODEL)
    for number in (1, 2, 3):
        tags = {"validation": "passed"} if number < 3 else {}
        client.create_model_version(
            MODEL, f"dbfs:/models/{number}", tags=tags, await_creation_for=0
        )
    repository = Repository(folder / "github")
    team = Team(folder / "clone", uri)
    team.write("policy.yaml", "stages: {Production: {alias: production}}\n")
    team.commit(
        "First", churn="stages: {Production: 1}\nversions: {1: {source: 'dbfs:/models/1'}}\n"
    )
    team.write("policy.yaml", POLICY)
    team.run("codeowners")
    team.commit("Gates")
    team.reconcile()
    team.git("remote", "add", "origin", str(repository.path))
    team.git("push", "-q", "origin", "main", "mlflow-gitops/receipts")
    return folder


@pytest.fixture
def company(honest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Company]:
    shutil.copytree(honest, tmp_path, dirs_exist_ok=True)
    for name in [name for name in os.environ if name.startswith("GITHUB_")]:
        monkeypatch.delenv(name)
    with GitHubAPI(Repository(tmp_path / "github")).serving() as api:
        made = Company(tmp_path, api)
        made.team.git("remote", "set-url", "origin", str(api.repository.path))
        made.main()
        for key, value in api.environment().items():
            monkeypatch.setenv(key, value)
        yield made
