"""Copied metrics as the entities that MLflow's client takes."""

from __future__ import annotations

from typing import Any

from mlflow_gitops.edges.mlflow.other_environments.lineage import CopiedLineage


def metric_entities(lineage: CopiedLineage, model_id: str) -> list[Any]:
    """The run's metrics, and those of its logged model with their datasets."""
    from mlflow.entities import Metric

    run_metrics = [
        Metric(metric.key, metric.value, metric.timestamp, metric.step)
        for metric in lineage.metrics
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
