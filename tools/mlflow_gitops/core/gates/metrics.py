"""`metrics`: each metric is within its bounds."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from mlflow_gitops.core.gates.gate import (
    Fault,
    Finding,
    Gate,
    believes_runs,
    failed,
    passed,
    required,
)
from mlflow_gitops.core.recorded.measurements import (
    NotMeasured,
    claim_remark,
    measured_value,
    metric_facts,
)
from mlflow_gitops.core.recorded.numbers import distinct

if TYPE_CHECKING:
    from mlflow_gitops.core.gates.subject import Subject


class Bound(NamedTuple):
    """The values that one metric may have. `dataset` is a digest; None if the metric was measured
    on one dataset only. With `from_run`, a run's word about files outside MLflow counts."""

    min: float | None = None
    max: float | None = None
    dataset: str | None = None
    from_run: bool = False


Bounds = Mapping[str, Bound]


def read(rule: Mapping[str, Any]) -> Bounds | None:
    """Each metric with its bounds."""
    metrics = required(rule, "metrics") or {}
    from_run = believes_runs(rule)
    return {key: Bound(**bound, from_run=from_run) for key, bound in metrics.items()} or None


def find_faults(bounds: Bounds, stage: str, stages: Collection[str]) -> Iterator[Fault]:
    """Each metric needs a bound, and some value between its two bounds."""
    for key, bound in bounds.items():
        path = ("require", "metrics", key)
        if bound.min is None and bound.max is None:
            message = f"the metric {key} of {stage} has neither min nor max"
            yield Fault(path, "missing-field", message)
        elif bound.min is not None and bound.max is not None and bound.min > bound.max:
            message = f"no value of {key} is over {bound.min} and under {bound.max}"
            yield Fault(path, "bad-value", message)


def ask(subject: Subject, bounds: Bounds) -> Iterator[Finding]:
    """One finding for each bound, or one for a metric that was not measured."""
    record = subject.read(subject.version)
    for key, bound in bounds.items():
        try:
            metric = measured_value(
                subject.version, record, key, bound.dataset, from_run=bound.from_run
            )
        except NotMeasured as reason:
            yield failed(str(reason))
            continue

        facts = {"metric": key, **metric_facts(metric)}
        for finding, limit in _compare(key, metric.value, bound):
            detail = finding.detail + claim_remark(record)
            yield replace(finding, detail=detail, facts={**facts, **limit})


def _compare(key: str, value: float, bound: Bound) -> Iterator[tuple[Finding, Mapping[str, float]]]:
    if bound.min is not None:
        yield _at_least(key, value, bound.min), {"min": bound.min}
    if bound.max is not None:
        yield _at_most(key, value, bound.max), {"max": bound.max}


def _at_least(key: str, value: float, limit: float) -> Finding:
    actual, expected = distinct(value, limit)
    if value >= limit:
        return passed(f"{key} {actual} ≥ {expected}")
    return failed(f"{key} {actual} {_relation(value, '<', '≥')} {expected}")


def _at_most(key: str, value: float, limit: float) -> Finding:
    actual, expected = distinct(value, limit)
    if value <= limit:
        return passed(f"{key} {actual} ≤ {expected}")
    return failed(f"{key} {actual} {_relation(value, '>', '≤')} {expected}")


def _relation(value: float, sign: str, expected_sign: str) -> str:
    """NaN is neither above nor below a bound."""
    is_nan = value != value
    return f"is not {expected_sign}" if is_nan else sign


GATE = Gate("metrics", ask, read, find_faults, judges_prompts=False)
