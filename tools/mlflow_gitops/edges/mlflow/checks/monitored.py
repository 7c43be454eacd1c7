"""The values that a monitor logs to a version's run."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from mlflow_gitops.core.health.values import TimedValue
from mlflow_gitops.edges.mlflow.server import Server

if TYPE_CHECKING:
    from mlflow import MlflowClient

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_LAST = 253402300799000  # milliseconds, of the year 9999


def metric_history(
    client: MlflowClient, server: Server, run_id: str, key: str
) -> tuple[TimedValue, ...]:
    """All values of a run's metric, in MLflow's order, which is none. Raises RegistryFailure."""
    history = server.ask(client.get_metric_history, run_id, key)
    return tuple(
        TimedValue(_moment(metric.timestamp), float(metric.value))
        for metric in history
        if metric.value is not None
    )


def _moment(milliseconds: int | None) -> datetime:
    return _EPOCH + timedelta(milliseconds=max(0, min(milliseconds or 0, _LAST)))
