"""The digest of a version's files, against a plain download of them by MLflow, from a server that
passes artifacts on."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.measure import Row, compare
from tests.benchmarks.sizes import Sizes
from tests.support.servers import mlflow_server

_PARTS = 4


def rows(sizes: Sizes) -> Iterator[Row]:
    """One version of four files. The files of both sides are read once and thrown away."""
    with (
        tempfile.TemporaryDirectory() as folder,
        mlflow_server(Path(folder) / "server", f"sqlite:///{folder}/store.db") as address,
    ):
        register(address, Path(folder) / "trained", sizes.megabytes)

        def digest() -> None:
            from mlflow_gitops.edges.mlflow.registry import Registry

            registry = Registry(address)
            model = registry.read("large")
            assert model is not None
            files = registry.files("large", model.versions[1])
            assert len(files.files) == _PARTS + 1

        def download() -> None:
            import mlflow

            mlflow.set_tracking_uri(address)
            with tempfile.TemporaryDirectory() as target:
                mlflow.artifacts.download_artifacts("models:/large/1", dst_path=target)

        yield compare(
            f"the digest of a version of {sizes.megabytes:,} MiB, over HTTP",
            digest, "MLflow's download of it", download, 1.3, sizes.runs, server=True,
        )  # fmt: skip


def register(address: str, folder: Path, megabytes: int) -> None:
    """One version of a model, of random bytes."""
    from mlflow import MlflowClient

    folder.mkdir()
    (folder / "MLmodel").write_text("flavors: {}\n")
    for number in range(_PARTS):
        with open(folder / f"part-{number}.bin", "wb") as stream:
            for _ in range(max(1, megabytes // _PARTS)):
                stream.write(os.urandom(1 << 20))

    client = MlflowClient(address)
    logged = client.create_logged_model(client.create_experiment("large"), "large")
    client.log_model_artifacts(logged.model_id, str(folder))
    client.finalize_logged_model(logged.model_id, "READY")
    client.create_registered_model("large")
    source = f"models:/{logged.model_id}"
    client.create_model_version("large", source, model_id=logged.model_id, await_creation_for=0)
