"""`no_worse_than`: no metric is worse than that of the version that holds a stage."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

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
    by_digest,
    claim_remark,
    dataset_names,
    measured_value,
    metric_facts,
)
from mlflow_gitops.core.recorded.numbers import distinct, short, signed

if TYPE_CHECKING:
    from mlflow_gitops.core.gates.subject import Subject, Version
    from mlflow_gitops.core.recorded.values import Metric, Record


class Tolerance(NamedTuple):
    """How one metric is compared with another version's. With `same_data`, only values on equal
    dataset digests are compared."""

    tolerance: float = 0
    better: Literal["higher", "lower"] = "higher"
    same_data: bool = True
    dataset: str | None = None
    from_run: bool = False


class NoWorse(NamedTuple):
    """The stage whose holder is compared with, and the metrics that are compared."""

    stage: str
    metrics: Mapping[str, Tolerance]


_Side = tuple["Version", "Record | None"]
"""One of the two versions, with what it recorded."""


def read(rule: Mapping[str, Any]) -> NoWorse | None:
    """The stage, by default the one that has the rule, and each metric with its tolerance."""
    value = required(rule, "no_worse_than")
    if not value:
        return None
    metrics = (value.get("metrics") or {}).items()
    from_run = believes_runs(rule)
    return NoWorse(
        value.get("stage") or rule.get("name", ""),
        {key: Tolerance(**how, from_run=from_run) for key, how in metrics},
    )


def find_faults(settings: NoWorse, stage: str, stages: Collection[str]) -> Iterator[Fault]:
    """It needs at least one metric, and a stage that exists."""
    path = ("require", "no_worse_than")
    if not settings.metrics:
        message = f"no_worse_than of {stage} needs metrics"
        yield Fault(path, "missing-field", message)
    elif settings.stage not in stages:
        message = f"{stage} is compared with {settings.stage!r}, which is not in the policy"
        yield Fault((*path, "stage"), "stage-unknown", message)


def ask(subject: Subject, settings: NoWorse) -> Iterator[Finding]:
    """One finding for each metric, or for each dataset that both versions were measured on."""
    number = subject.holder(settings.stage)
    if number is None or number == subject.number:
        detail = f"nobody to compare with: no other version holds {settings.stage}"
        yield Finding("exempt", detail)
        return

    holding_version = subject.other_version(number)
    if holding_version is None:
        yield failed(f"{number}, which holds {settings.stage}, is not in MLflow to compare with")
        return

    candidate = subject.version, subject.read(subject.version)
    holder = holding_version, subject.read(holding_version)
    for key, how in settings.metrics.items():
        compare = _on_same_data if how.same_data else _on_any_data
        try:
            remark = claim_remark(candidate[1]) or claim_remark(holder[1])
            for finding in compare(key, how, candidate, holder):
                yield replace(finding, detail=finding.detail + remark)
        except NotMeasured as reason:
            yield failed(str(reason))


def _on_any_data(
    key: str, tolerance: Tolerance, candidate: _Side, holder: _Side
) -> Iterator[Finding]:
    new, old = (
        measured_value(*side, key, tolerance.dataset, from_run=tolerance.from_run)
        for side in (candidate, holder)
    )
    yield _compare(key, tolerance, new, old, holder[0].number)


def _on_same_data(
    key: str, tolerance: Tolerance, candidate: _Side, holder: _Side
) -> Iterator[Finding]:
    new, old = (
        by_digest(*side, key, tolerance.dataset, from_run=tolerance.from_run)
        for side in (candidate, holder)
    )
    shared = sorted(new.keys() & old.keys())
    if not shared:
        yield failed(
            f"{key} was measured on different data: {dataset_names(new.values())} for"
            f" {candidate[0].number}, {dataset_names(old.values())} for"
            f" {holder[0].number}"
        )
    for digest in shared:
        yield _compare(key, tolerance, new[digest], old[digest], holder[0].number)


def _compare(key: str, tolerance: Tolerance, new: Metric, old: Metric, holder: int) -> Finding:
    facts = {
        "metric": key,
        **metric_facts(new),
        "compared_with": holder,
        "compared_value": old.value,
    }
    difference = new.value - old.value
    gain = difference if tolerance.better == "higher" else -difference
    # Binary fractions are inexact: 0.93 - 0.94 must not miss a tolerance of 0.01.
    if round(gain + tolerance.tolerance, 12) >= 0:
        return passed(f"{key} no worse than {holder} ({signed(difference)})", facts)

    allowed = f", tolerance {short(tolerance.tolerance)}" if tolerance.tolerance else ""
    actual, expected = distinct(new.value, old.value)
    return failed(
        f"{key} {actual} is worse than {holder}'s {expected} ({signed(difference)}{allowed})",
        facts,
    )


GATE = Gate("no_worse_than", ask, read, find_faults, judges_prompts=False, judges_rollbacks=False)
