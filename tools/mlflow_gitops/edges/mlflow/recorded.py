"""What MLflow recorded of a version: its run and its logged model."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mlflow_gitops.core.recorded.values import STARTED_TAGS, Dataset, Metric, Record

_CONTEXT_TAG = "mlflow.data.context"
_DATA_PREFIX = "dvc."
_COMMIT_TAG = "mlflow.source.git.commit"
_USER_TAG = "mlflow.user"


def read_record(
    run: Any,
    logged_model: Any,
    others_metrics: frozenset[str] | None = frozenset(),
    *,
    is_claim: bool = False,
) -> Record | None:
    """One record of a run and a logged model, as MLflow's client gives them; None if there is
    neither. What both have, the logged model decides. `others_metrics` are the run's metrics that
    belong to another logged model, None if all may; they are left out."""
    if run is None and logged_model is None:
        return None

    metrics: dict[str, tuple[Metric, ...]] = {}
    params: dict[str, str] = {}
    tags: dict[str, str] = {}
    inputs: Iterable[Any] = ()
    if run is not None:
        metrics = {
            key: (Metric(value),)
            for key, value in run.data.metrics.items()
            if others_metrics is not None and key not in others_metrics
        }
        params, tags = dict(run.data.params), dict(run.data.tags)
        inputs = run.inputs.dataset_inputs if run.inputs else ()

    # Params come first: MLflow lets nobody change them, and anybody who may write a tag.
    notes = tags | params
    conflicting = {
        key.removeprefix(_DATA_PREFIX): value
        for key, value in tags.items()
        if key.startswith(_DATA_PREFIX) and params.get(key, value) != value
    }
    if logged_model is not None:
        metrics |= _latest(logged_model.metrics or ())
        params |= logged_model.params or {}
    return Record(
        metrics=metrics,
        params=params,
        datasets=tuple(Dataset(entry.dataset.name, entry.dataset.digest) for entry in inputs),
        data={
            key.removeprefix(_DATA_PREFIX): value
            for key, value in notes.items()
            if key.startswith(_DATA_PREFIX)
        },
        code_commit=notes.get(_COMMIT_TAG),
        trained_on=tuple(
            str(entry.dataset.digest) for entry in inputs if _is_training_input(entry)
        ),
        conflicting_data=conflicting,
        is_claim=is_claim,
        trained_by=tags.get(_USER_TAG) or None,
        started={key: tags[key] for key in STARTED_TAGS if tags.get(key)},
    )


def _is_training_input(entry: Any) -> bool:
    return any(tag.key == _CONTEXT_TAG and tag.value == "training" for tag in entry.tags or ())


def _latest(metrics: Iterable[Any]) -> dict[str, tuple[Metric, ...]]:
    """For each key and dataset, the value at the highest step; of several, the newest."""
    newest: dict[str, dict[Dataset | None, Metric]] = {}
    for entry in metrics:
        dataset = None
        if entry.dataset_digest:
            dataset = Dataset(entry.dataset_name or "", entry.dataset_digest)
        metric = Metric(entry.value, entry.step or 0, entry.timestamp or 0, dataset)

        by_dataset = newest.setdefault(entry.key, {})
        previous = by_dataset.setdefault(dataset, metric)
        if (metric.step, metric.at) > (previous.step, previous.at):
            by_dataset[dataset] = metric
    return {
        key: tuple(sorted(by_dataset.values(), key=lambda metric: metric.dataset or ("", "")))
        for key, by_dataset in newest.items()
    }
