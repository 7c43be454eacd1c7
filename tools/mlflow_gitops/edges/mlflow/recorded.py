"""What MLflow recorded of a version: its run and its logged model."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timezone
from typing import Any

from mlflow_gitops.core.recorded.values import Dataset, Metric, Record
from mlflow_gitops.core.times import format_datetime

_DATA_PREFIX = "dvc."
_COMMIT_TAG = "mlflow.source.git.commit"


def record(run: Any, logged: Any) -> Record | None:
    """One record of a run and a logged model, as MLflow's client gives them; None where there is
    neither."""
    if run is None and logged is None:
        return None
    metrics: dict[str, tuple[Metric, ...]] = {}
    if run is not None:
        metrics = {key: (Metric(value),) for key, value in run.data.metrics.items()}
    metrics |= _latest(logged.metrics or ()) if logged is not None else {}
    said: dict[str, str] = {**run.data.params, **run.data.tags} if run is not None else {}
    inputs = run.inputs.dataset_inputs if run is not None and run.inputs else []
    return Record(
        metrics=metrics,
        params=dict(run.data.params if run is not None else {})
        | dict(logged.params or {} if logged else {}),
        datasets=tuple(Dataset(entry.dataset.name, entry.dataset.digest) for entry in inputs),
        data={
            key.removeprefix(_DATA_PREFIX): said[key]
            for key in said
            if key.startswith(_DATA_PREFIX)
        },
        code_commit=said.get(_COMMIT_TAG),
    )


def moment(milliseconds: int | None) -> str | None:
    """One of MLflow's timestamps, RFC 3339 in UTC; None for none, and for what is no date."""
    try:
        at = (
            datetime.fromtimestamp(int(milliseconds or 0) // 1000, timezone.utc)
            if milliseconds
            else None
        )
    except (OverflowError, ValueError, OSError):
        return None
    return format_datetime(at) if at else None


def _latest(metrics: Iterable[Any]) -> dict[str, tuple[Metric, ...]]:
    """Of each key and dataset the value at the highest step, of these the newest."""
    newest: dict[str, dict[Dataset | None, Metric]] = {}
    for one in metrics:
        dataset = (
            Dataset(one.dataset_name or "", one.dataset_digest) if one.dataset_digest else None
        )
        found = Metric(one.value, one.step or 0, one.timestamp or 0, dataset)
        kept = newest.setdefault(one.key, {}).setdefault(dataset, found)
        if (found.step, found.at) > (kept.step, kept.at):
            newest[one.key][dataset] = found
    return {
        key: tuple(sorted(values.values(), key=lambda metric: metric.dataset or ("", "")))
        for key, values in newest.items()
    }
