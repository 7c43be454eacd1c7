"""Compare a copy, as MLflow returns it, with the version that it was copied from."""

from __future__ import annotations

from mlflow_gitops.core.recorded.values import Record
from mlflow_gitops.edges.mlflow.other_environments.lineage import CopiedLineage

_Metrics = dict[tuple[str, ...], str]
"""Values by key, dataset name and dataset digest. As text, since NaN is not equal to itself."""


def differing_parts(
    copy: Record, files_digest: str, lineage: CopiedLineage, origin_digest: str
) -> list[str]:
    """The parts of a copy that are not those of its origin, by name: both less and more count.

    `files_digest` is the digest of the copy's files, `origin_digest` the pinned one.
    """
    comparisons = (
        ("metrics", _metrics_of_record(copy), _metrics_of_lineage(lineage)),
        ("params", copy.params, {**lineage.params, **lineage.model_params}),
        (
            "datasets",
            {dataset.digest for dataset in copy.datasets},
            {dataset["digest"] for dataset, _ in lineage.inputs},
        ),
        ("artifacts", files_digest, origin_digest),
    )
    return [name for name, actual, expected in comparisons if actual != expected]


def _metrics_of_lineage(lineage: CopiedLineage) -> _Metrics:
    """A metric of the logged model comes before one of the run, as in `record`."""
    model_keys = {metric.key for metric in lineage.model_metrics}
    run_metrics = [metric for metric in lineage.metrics if metric.key not in model_keys]
    return {
        (metric.key, metric.dataset_name or "", metric.dataset_digest or ""): repr(metric.value)
        for metric in (*run_metrics, *lineage.model_metrics)
    }


def _metrics_of_record(copy: Record) -> _Metrics:
    return {
        (key, *(metric.dataset or ("", ""))): repr(metric.value)
        for key, metrics in copy.metrics.items()
        for metric in metrics
    }
