"""`reconcile` of many changed models side by side, against the same work one after another, against
its writes alone, sent by as many threads, and in requests; on a server with 4 workers."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

from tests.benchmarks.measure import Row, Took, compare
from tests.benchmarks.sizes import Sizes
from tests.support.proxy import Proxy, proxy
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
            yield compare(
                f"`reconcile`, {sizes.changed} changed models, 8 side by side, {where}",
                lambda: reconcile(8), "its writes alone, from 8 threads",
                lambda: write_alone(address, names, 8), 1.35, sizes.runs,
                server=True,
            )  # fmt: skip
            with proxy(address) as between:
                team.uri = between.address
                reconcile(8)
                yield _requests(between, sizes.changed)


def _requests(between: Proxy, models: int) -> Row:
    """Requests for each changed model, counted, without the plan's two; as against its writes."""
    ours, writes = (len(between.requests) - 2) / models, len(between.writes) / models
    ratio = ours / writes
    return Row(
        f"requests of a changed model, {models} of them, 8 side by side",
        Took(ours, 0), "its writes", Took(writes, 0), (ratio,) * 3, None, 1.125, 1,
        unit="",
    )  # fmt: skip


def write_alone(address: str, names: list[str], threads: int) -> None:
    """What a reconcile writes for each model: two moves, three tags of a version and three of the
    model. To a version that no manifest names, so that nothing drifts."""
    from concurrent.futures import ThreadPoolExecutor

    from mlflow_gitops.edges.mlflow.registry import Registry

    registry = Registry(address)
    registry.begin_writing()
    value = str(time.time())

    def write(name: str) -> None:
        for stage in ("Staging", "Archived"):
            registry.transition(name, 3, stage)
        for version in (3, None):
            for key in ("a", "b", "c"):
                registry.set_tag(name, version, key, value)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(write, names))


def register(address: str, names: list[str]) -> None:
    """Each model with two versions, and a third one that no manifest names."""
    from concurrent.futures import ThreadPoolExecutor

    from mlflow import MlflowClient

    client = MlflowClient(address)

    def register(name: str) -> None:
        client.create_registered_model(name)
        for version in (1, 2, 3):
            client.create_model_version(name, f"s3://models/{version}", await_creation_for=0)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(register, names))
