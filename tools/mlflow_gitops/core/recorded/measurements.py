"""Find the one value of a metric that counts, among those that a version recorded."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
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


MAX_VALUE = 1e18
"""No metric that a gate asks for is as large as this."""


class NotMeasured(Exception):
    """A metric has no value that counts; the message names the metric, the version and the
    reason."""


def measured_value(
    version: MeasuredVersion,
    record: Record | None,
    key: str,
    dataset: str | None,
    *,
    from_run: bool = False,
) -> Metric:
    """The one value of a metric. `dataset` is a digest; None if there is only one. With `from_run`,
    a run's word about files outside MLflow counts.

    Raises NotMeasured if there is none, or several and no `dataset` to choose by.
    """
    values = _values(version, record, key, dataset, from_run)
    if len(values) > 1:
        raise NotMeasured(
            f"{key} of {version.number} was measured on several datasets: {dataset_names(values)};"
            " name one: dataset"
        )
    return values[0]


def by_digest(
    version: MeasuredVersion,
    record: Record | None,
    key: str,
    dataset: str | None,
    *,
    from_run: bool = False,
) -> dict[str, Metric]:
    """A metric's values by the digest of the dataset that each was measured on. A value that names
    none (`mlflow.log_metric`) counts as measured on the run's only dataset, if it has one alone.

    Raises NotMeasured if there is none.
    """
    values = _values(version, record, key, dataset, from_run)
    if record is not None and len(record.datasets) == 1:
        [only] = record.datasets
        values = tuple(replace(value, dataset=value.dataset or only) for value in values)
    digests = {metric.dataset.digest: metric for metric in values if metric.dataset}
    if not digests:
        raise NotMeasured(
            f"{key} of {version.number} was logged without a dataset: log it with"
            " mlflow.log_metric(…, dataset=…), or set same_data: false under"
            f" no_worse_than.metrics.{key}"
        )
    return digests


def dataset_names(values: Iterable[Metric]) -> str:
    """The datasets that values were measured on, for people: `holdout (d1), other (d2)`."""
    datasets = (metric.dataset for metric in values)
    return ", ".join(
        f"{dataset.name} ({dataset.digest})" if dataset else "unnamed data" for dataset in datasets
    )


def _values(
    version: MeasuredVersion,
    record: Record | None,
    key: str,
    dataset: str | None,
    from_run: bool,
) -> tuple[Metric, ...]:
    if record is not None and record.fault is not None:
        raise NotMeasured(f"{key} of {version.number} is missing: {record.fault}")
    if record is None:
        reason = (
            "it has neither run nor logged model; register it from its run"
            " (mlflow.register_model('runs:/RUN_ID/PATH', NAME))"
        )
        if version.run_id:
            reason = f"its run {version.run_id} is not in MLflow"
        raise NotMeasured(f"{key} of {version.number} is missing: {reason}")

    values = record.metrics.get(key)
    if not values:
        logged = ", ".join(sorted(record.metrics)[:8]) or "none"
        raise NotMeasured(f"{key} of {version.number} is missing: it logged {logged}")
    if record.is_claim and not from_run:
        raise NotMeasured(
            f"{key} of {version.number} is a claim: its source is outside MLflow, so nothing shows"
            f" that its run {version.run_id} measured these files. Register the logged model or the"
            " run's artifacts, or set metrics_from: run in the policy"
        )
    _check_plausible(version, key, values)
    if dataset is None:
        return values

    chosen = tuple(
        metric for metric in values if metric.dataset and dataset == metric.dataset.digest
    )
    if not chosen:
        raise NotMeasured(
            f"{key} of {version.number} was not measured on {dataset} but on"
            f" {dataset_names(values)}"
        )
    return chosen


def metric_facts(metric: Metric) -> dict[str, str | int | float | None]:
    """One measured value as the fact of a gate."""
    dataset = metric.dataset.digest if metric.dataset else None
    return {"value": metric.value, "step": metric.step, "dataset": dataset}


def claim_remark(record: Record | None) -> str:
    """What a plan adds to a metric that is only a run's word about files outside MLflow."""
    return " (claimed by its run: the source is outside MLflow)" if _is_claim(record) else ""


def _is_claim(record: Record | None) -> bool:
    return record is not None and record.is_claim


def _check_plausible(version: MeasuredVersion, key: str, values: Iterable[Metric]) -> None:
    """Raise NotMeasured for a value that no measurement gives. MLflow's SQL stores keep infinity
    as the largest number that there is (3.17)."""
    for metric in values:
        if not math.isfinite(metric.value) or abs(metric.value) >= MAX_VALUE:
            raise NotMeasured(
                f"{key} of {version.number} is {metric.value:.6g}, which is no measured value"
            )
