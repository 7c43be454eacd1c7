"""Copied metrics as the entities that MLflow's client takes."""

from __future__ import annotations

from typing import Any

from mlflow_gitops.edges.mlflow.other_environments.lineage import CopiedLineage, MetricValue


def metric_entities(lineage: CopiedLineage, model_id: str) -> list[Any]:
    """The run's metrics, and those of its logged model with their datasets.

    MLflow logs a metric of the logged model for its run, too. Servers from 3.0 to 3.13 answer 400
    if a request then holds the run's metric a second time, so it is left out.
    """
    from mlflow.entities import Metric

    of_model = {_value(metric) for metric in lineage.model_metrics}

    run_metrics = [
        Metric(metric.key, metric.value, metric.timestamp, metric.step)
        for metric in lineage.metrics
        if _value(metric) not in of_model
    ]
    model_metrics = [
        Metric(
            metric.key,
            metric.value,
            metric.timestamp,
            metric.step,
            model_id=model_id,
            dataset_name=metric.dataset_name,
            dataset_digest=metric.dataset_digest,
        )
        for metric in lineage.model_metrics
    ]
    return run_metrics + model_metrics


def _value(metric: MetricValue) -> tuple[str, str, int, int]:
    """What MLflow keeps of a run's metric. The value as text, since NaN is not equal to itself."""
    return metric.key, repr(metric.value), metric.timestamp, metric.step
