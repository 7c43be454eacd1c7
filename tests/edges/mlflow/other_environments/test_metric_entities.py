"""Servers from 3.0 to 3.13 refuse a request that holds one value of a run twice."""

from __future__ import annotations

import pytest

from mlflow_gitops.edges.mlflow.other_environments.lineage import CopiedLineage, MetricValue
from mlflow_gitops.edges.mlflow.other_environments.metric_entities import metric_entities

ACCURACY = MetricValue("accuracy", 0.9, 1, 0)
LOSS = MetricValue("loss", float("nan"), 1, 0)
ON_HOLDOUT = MetricValue("accuracy", 0.9, 1, 0, "holdout", "d1")


@pytest.mark.parametrize(
    ("of_run", "of_model", "entities"),
    [
        ((ACCURACY,), (ON_HOLDOUT,), [("accuracy", "m-1", "d1")]),
        ((ACCURACY, LOSS), (ON_HOLDOUT,), [("loss", None, None), ("accuracy", "m-1", "d1")]),
        ((LOSS,), (LOSS,), [("loss", "m-1", None)]),
        (
            (MetricValue("accuracy", 0.8, 2, 0),),
            (ON_HOLDOUT,),
            [("accuracy", None, None), ("accuracy", "m-1", "d1")],
        ),
        ((ACCURACY,), (), [("accuracy", None, None)]),
    ],
)
def test_no_value_of_the_run_is_sent_twice(
    of_run: tuple[MetricValue, ...],
    of_model: tuple[MetricValue, ...],
    entities: list[tuple[str, str | None, str | None]],
) -> None:
    lineage = CopiedLineage(metrics=of_run, model_metrics=of_model)
    assert [
        (metric.key, metric.model_id, metric.dataset_digest)
        for metric in metric_entities(lineage, "m-1")
    ] == entities
