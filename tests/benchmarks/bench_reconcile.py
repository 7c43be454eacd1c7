"""`reconcile` of many changed models side by side, against the same writes one after another, on a
server with 4 workers."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

from tests.benchmarks.measure import Row, compare
from tests.benchmarks.sizes import Sizes
from tests.support.servers import mlflow_server, postgresql
from tests.support.team import Team


def rows(sizes: Sizes) -> Iterator[Row]:
    """Each run moves every model's Production from one version to the other."""
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        database = postgresql() if sizes.postgresql else nullcontext(f"sqlite:///{top}/store.db")
        with (
            database as backend,
            mlflow_server(top / "server", backend, workers=4 if sizes.postgresql else 1) as address,
        ):
            team = Team(top / "repo", address)
            names = [f"model-{i:03}" for i in range(sizes.changed)]
            register(address, names)
            versions = iter(range(1_000))

            def reconcile(jobs: int) -> None:
                version = next(versions) % 2 + 1
                team.commit(**{name: f"stages: {{Production: {version}}}\n" for name in names})
                team.reconcile("--jobs", str(jobs))

            where = "PostgreSQL, 4 server workers" if sizes.postgresql else "SQLite"
            yield compare(
                f"`reconcile`, {sizes.changed} changed models, 8 side by side, {where}",
                lambda: reconcile(8), "one after another", lambda: reconcile(1), 0.25, sizes.runs,
                server=True,
            )  # fmt: skip


def register(address: str, names: list[str]) -> None:
    """Each model with two versions."""
    from concurrent.futures import ThreadPoolExecutor

    from mlflow import MlflowClient

    client = MlflowClient(address)

    def register(name: str) -> None:
        client.create_registered_model(name)
        for version in (1, 2):
            client.create_model_version(name, f"s3://models/{version}", await_creation_for=0)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(register, names))
