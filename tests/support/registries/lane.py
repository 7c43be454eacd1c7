"""The registry of one lane: SQLite opened directly, a server over HTTP, or one over PostgreSQL."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.models import EXPERIMENT
from tests.support.together import Shared, locked


@contextmanager
def uncrowded(server: Shared) -> Iterator[None]:
    """While pages are counted, nobody else fills the shared server with more models than a page
    holds."""
    with locked(server.folder.parent / "crowd.lock"):
        yield


class LaneRegistry:
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
        experiment_id = (
            experiment.experiment_id if experiment else self.client.create_experiment(EXPERIMENT)
        )
        run = self.client.create_run(experiment_id)
        logged = self.client.create_logged_model(experiment_id, source_run_id=run.info.run_id)
        for key, value in metrics.items():
            for dataset, number in (
                value if isinstance(value, dict) else {"holdout": value}
            ).items():
                self.client.log_metric(
                    run.info.run_id,
                    key,
                    number,
                    dataset_name=dataset,
                    dataset_digest=f"digest-of-{dataset}",
                    model_id=logged.model_id,
                )
        source = f"models:/{logged.model_id}"
        mlflow.set_tracking_uri(self._uri)  # a SQL store resolves the source through it
        version = self.client.create_model_version(
            name, source, run.info.run_id, await_creation_for=0, model_id=logged.model_id
        )
        return int(version.version)

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


POLICY = """\
stages:
  Staging: {alias: staging}
  Production: {alias: production}
"""
