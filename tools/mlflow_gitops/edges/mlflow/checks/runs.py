"""Reads and writes the runs that record checks (`core/recorded/check_records.py`)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from mlflow_gitops.core.recorded.check_records import (
    DIGEST_TAG,
    CheckRecord,
    metrics_of,
    read_record,
    tags_of,
)
from mlflow_gitops.core.recorded.check_result import VersionCheck
from mlflow_gitops.edges.mlflow.server import Server
from mlflow_gitops.edges.mlflow.timestamps import timestamp_text

if TYPE_CHECKING:
    from mlflow import MlflowClient

_MAX_RUNS = 100
"""The newest runs about a version's files that are read."""


class CheckRuns:
    """The checks that one tracking server holds."""

    def __init__(self, client: MlflowClient, server: Server) -> None:
        self._client, self._server = client, server

    def read(self, experiment: str, digest: str) -> tuple[CheckRecord, ...]:
        """The newest finished records of an experiment about the files with this digest; none if
        there is no such experiment. Raises RegistryFailure."""
        listed = self._server.ask(self._client.get_experiment_by_name, experiment)
        if listed is None or listed.lifecycle_stage != "active":
            return ()
        runs = self._server.ask(
            self._client.search_runs,
            [listed.experiment_id],
            filter_string=f"tags.`{DIGEST_TAG}` = '{digest}' and attributes.status = 'FINISHED'",
            max_results=_MAX_RUNS,
            order_by=["attributes.end_time DESC"],
        )
        records = map(_record, runs)
        return tuple(record for record in records if record is not None)

    def write(self, experiment: str, result: VersionCheck, user: str, model_id: str | None) -> str:
        """Record a result in an experiment, which is made if there is none; returns the run's
        id. Raises RegistryFailure; a run that was begun and not finished is no record."""
        from mlflow.entities import Metric

        listed = self._server.ask(self._client.get_experiment_by_name, experiment)
        if listed is None:
            experiment_id = self._server.ask(self._client.create_experiment, experiment)
        else:
            experiment_id = listed.experiment_id
        run = self._server.ask(
            self._client.create_run,
            experiment_id,
            tags={**tags_of(result), "mlflow.user": user},
            run_name=f"check {result.model} {result.version}"[:250],
        )
        run_id = str(run.info.run_id)
        now = int(time.time() * 1000)
        metrics = [Metric(key, value, now, 0) for key, value in metrics_of(result).items()]
        self._server.ask(self._client.log_batch, run_id, metrics=metrics)
        if model_id is not None:
            self._link(run_id, model_id)
        self._server.ask(self._client.set_terminated, run_id)
        return run_id

    def _link(self, run_id: str, model_id: str) -> None:
        """Show the logged model as an input of the run (MLflow 3)."""
        from mlflow.entities import LoggedModelInput

        models = [LoggedModelInput(model_id)]
        self._server.ask(self._client.log_inputs, run_id, models=models)


def _record(run: Any) -> CheckRecord | None:
    info = run.info
    ended = timestamp_text(info.end_time)
    if ended is None or info.lifecycle_stage != "active":
        return None
    user = str(info.user_id or run.data.tags.get("mlflow.user", ""))
    return read_record(str(info.run_id), user, ended, run.data.tags, run.data.metrics)
