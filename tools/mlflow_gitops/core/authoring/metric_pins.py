"""The values of the gates' metrics, as `pin` and `promote` write them into a version's pin: the
reviewer sees them in the diff, and git keeps them (RULES R3)."""

from __future__ import annotations

from collections.abc import Iterator

from mlflow_gitops.core.gates import metrics, no_worse_than
from mlflow_gitops.core.manifests.policy import ModelPolicy
from mlflow_gitops.core.observed.model import ObservedVersion
from mlflow_gitops.core.recorded.measurements import NotMeasured, measured_value
from mlflow_gitops.core.recorded.values import Record


def metric_pins(
    rules: ModelPolicy, version: ObservedVersion, record: Record | None
) -> dict[str, float]:
    """The value of each metric that a gate of these rules asks for. What was not measured, or on
    several datasets, is left out: its gate says so."""
    values: dict[str, float] = {}
    for key, dataset, from_run in _gate_metrics(rules):
        try:
            metric = measured_value(version, record, key, dataset, from_run=from_run)
        except NotMeasured:
            continue
        values.setdefault(key, metric.value)
    return values


def has_metric_gates(rules: ModelPolicy) -> bool:
    """Whether a gate of these rules asks for a metric."""
    return any(True for _ in _gate_metrics(rules))


def _gate_metrics(rules: ModelPolicy) -> Iterator[tuple[str, str | None, bool]]:
    """The metrics of all gates: key, dataset, and whether a run's word counts."""
    for rule in rules.stages.values():
        for key, bound in (rule.gates.settings(metrics.GATE) or {}).items():
            yield key, bound.dataset, bound.from_run
        compared = rule.gates.settings(no_worse_than.GATE)
        for key, tolerance in (compared.metrics if compared else {}).items():
            yield key, tolerance.dataset, tolerance.from_run
