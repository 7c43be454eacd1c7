"""Find the one value of a metric that counts, among those that a version recorded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Protocol

    from mlflow_gitops.core.recorded.values import Metric, Record

    class MeasuredVersion(Protocol):
        """The part of a version that messages name."""

        @property
        def number(self) -> int: ...
        @property
        def run_id(self) -> str | None: ...


class NotMeasured(Exception):
    """A metric has no value that counts; the message names the metric, the version and the
    reason."""


def measured_value(
    version: MeasuredVersion, record: Record | None, key: str, dataset: str | None
) -> Metric:
    """The one value of a metric. `dataset` is a name or a digest; None if there is only one.

    Raises NotMeasured if there is none, or several and no `dataset` to choose by.
    """
    values = _values(version, record, key, dataset)
    if len(values) > 1:
        raise NotMeasured(
            f"{key} of {version.number} was measured on several datasets: {dataset_names(values)};"
            " name one: dataset"
        )
    return values[0]


def by_digest(
    version: MeasuredVersion, record: Record | None, key: str, dataset: str | None
) -> dict[str, Metric]:
    """A metric's values by the digest of the dataset that each was measured on.

    Raises NotMeasured if there is none.
    """
    values = _values(version, record, key, dataset)
    digests = {metric.dataset.digest: metric for metric in values if metric.dataset}
    if not digests:
        raise NotMeasured(
            f"{key} of {version.number} does not say on which data it was measured (or say"
            " same_data: false)"
        )
    return digests


def dataset_names(values: Iterable[Metric]) -> str:
    """The datasets that values were measured on, for people: `holdout (d1), other (d2)`."""
    datasets = (metric.dataset for metric in values)
    return ", ".join(
        f"{dataset.name} ({dataset.digest})" if dataset else "unnamed data" for dataset in datasets
    )


def _values(
    version: MeasuredVersion, record: Record | None, key: str, dataset: str | None
) -> tuple[Metric, ...]:
    if record is None:
        reason = "it has neither run nor logged model"
        if version.run_id:
            reason = f"its run {version.run_id} is not in MLflow"
        raise NotMeasured(f"{key} of {version.number} is missing: {reason}")

    values = record.metrics.get(key)
    if not values:
        logged = ", ".join(sorted(record.metrics)[:8]) or "none"
        raise NotMeasured(f"{key} of {version.number} is missing: it logged {logged}")
    if dataset is None:
        return values

    chosen = tuple(metric for metric in values if metric.dataset and dataset in metric.dataset)
    if not chosen:
        raise NotMeasured(
            f"{key} of {version.number} was not measured on {dataset} but on"
            f" {dataset_names(values)}"
        )
    return chosen
