"""`metrics`: what is missing fails and is named (RULES R3)."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from mlflow_gitops.core.gates import Finding, metrics
from mlflow_gitops.core.gates.metrics import Bound
from mlflow_gitops.core.observed.model import ObservedModel, ObservedVersion
from mlflow_gitops.core.recorded.values import Dataset, Record
from tests.support.core.subjects import HOLDOUT, OTHER, measured, said, subject


@pytest.mark.parametrize(
    ("value", "bound", "finding"),
    [
        (0.912, Bound(min=0.9), ("passed", "accuracy 0.912 ≥ 0.9")),
        (0.9, Bound(min=0.9), ("passed", "accuracy 0.9 ≥ 0.9")),
        (0.8999999, Bound(min=0.9), ("failed", "accuracy 0.8999999 < 0.9")),
        (61, Bound(max=50), ("failed", "accuracy 61 > 50")),
        (50, Bound(max=50), ("passed", "accuracy 50 ≤ 50")),
        *(
            (value, bound, ("failed", f"accuracy of 14 is {value:.6g}, which is no measured value"))
            for value in (math.nan, math.inf, -math.inf, 1e300, -1e300, 1.7976931348623157e308)
            for bound in (Bound(min=0.9), Bound(max=0.9))
        ),
    ],
)
def test_a_metric_within_its_bounds(value: float, bound: Bound, finding: tuple[str, str]) -> None:
    assert said(
        *metrics.ask(subject(records={14: measured(accuracy=value)}), {"accuracy": bound})
    ) == [finding]


def test_both_bounds_are_judged() -> None:
    found = said(*metrics.ask(subject(records={14: measured(loss=3)}), {"loss": Bound(1, 2)}))
    assert found == [("passed", "loss 3 ≥ 1"), ("failed", "loss 3 > 2")]


def test_a_metric_that_is_missing_does_not_hide_the_others() -> None:
    found = said(
        *metrics.ask(
            subject(records={14: measured(loss=3)}), {"gone": Bound(1), "loss": Bound(max=2)}
        )
    )
    assert found == [("failed", "gone of 14 is missing: it logged loss"), ("failed", "loss 3 > 2")]


def test_a_run_that_mlflow_has_lost_is_named() -> None:
    lost = replace(
        subject(), observed=ObservedModel("fraud", versions={14: ObservedVersion(14, run_id="abc")})
    )
    assert said(*metrics.ask(lost, {"loss": Bound(1)})) == [
        ("failed", "loss of 14 is missing: its run abc is not in MLflow")
    ]


def test_at_most_eight_of_the_logged_metrics_are_named() -> None:
    many = measured(**{f"m{i}": 1.0 for i in range(9)})
    [found] = metrics.ask(subject(records={14: many}), {"loss": Bound(1)})
    assert found.detail == "loss of 14 is missing: it logged m0, m1, m2, m3, m4, m5, m6, m7"


SEVERAL = measured(accuracy=[(0.95, HOLDOUT), (0.85, OTHER)], recall=0.7)


@pytest.mark.parametrize(
    ("record", "bound", "finding"),
    [
        (
            None,
            Bound(0.9),
            (
                "failed",
                "accuracy of 14 is missing: it has neither run nor logged model; register it from"
                " its run (mlflow.register_model('runs:/RUN_ID/PATH', NAME))",
            ),
        ),
        (Record(), Bound(0.9), ("failed", "accuracy of 14 is missing: it logged none")),
        (
            measured(f1=1, auc=1),
            Bound(0.9),
            ("failed", "accuracy of 14 is missing: it logged auc, f1"),
        ),
        (
            SEVERAL,
            Bound(0.9),
            (
                "failed",
                (
                    "accuracy of 14 was measured on several datasets: holdout (d1), other (d2);"
                    " name one: dataset"
                ),
            ),
        ),
        (SEVERAL, Bound(0.9, dataset="d1"), ("passed", "accuracy 0.95 ≥ 0.9")),
        (SEVERAL, Bound(0.9, dataset="d2"), ("failed", "accuracy 0.85 < 0.9")),
        (
            SEVERAL,
            Bound(0.9, dataset="third"),
            ("failed", "accuracy of 14 was not measured on third but on holdout (d1), other (d2)"),
        ),
        (
            measured(accuracy=1),
            Bound(0.9, dataset="d1"),
            ("failed", "accuracy of 14 was not measured on d1 but on unnamed data"),
        ),
    ],
)
def test_a_metric_that_is_missing_or_of_several_datasets(
    record: Record | None, bound: Bound, finding: tuple[str, str]
) -> None:
    records = {14: record} if record else {}
    assert said(*metrics.ask(subject(records=records), {"accuracy": bound})) == [finding]


def test_a_dataset_is_compared_by_its_digest_alone() -> None:
    """Its name is whatever somebody called it."""
    forged = measured(accuracy=[(0.99, Dataset("d1", "d9")), (0.2, HOLDOUT)])
    [finding] = metrics.ask(subject(records={14: forged}), {"accuracy": Bound(0.9, dataset="d1")})
    assert finding.status == "failed" and "0.2" in finding.detail
    named = measured(accuracy=(0.99, Dataset("d1", "d9")))
    [finding] = metrics.ask(subject(records={14: named}), {"accuracy": Bound(0.9, dataset="d1")})
    assert "accuracy of 14 was not measured on d1 but on d1 (d9)" in finding.detail
    by_name = {"accuracy": Bound(0.9, dataset="holdout")}
    [finding] = metrics.ask(subject(records={14: SEVERAL}), by_name)
    assert finding.status == "failed"


def test_a_claim_counts_only_if_the_policy_says_so() -> None:
    claim = replace(measured(accuracy=0.95), is_claim=True)
    [finding] = metrics.ask(subject(records={14: claim}), {"accuracy": Bound(0.9)})
    assert finding.status == "failed" and "metrics_from: run" in finding.detail
    believed = {"accuracy": Bound(0.9, from_run=True)}
    [finding] = metrics.ask(subject(records={14: claim}), believed)
    assert finding.status == "passed" and "claimed by its run" in finding.detail


def test_a_fault_of_the_evidence_is_named() -> None:
    record = Record(fault="its logged model m-1 is not in MLflow, or was deleted")
    [finding] = metrics.ask(subject(records={14: record}), {"accuracy": Bound(0.9, from_run=True)})
    assert finding == Finding(
        "failed",
        "accuracy of 14 is missing: its logged model m-1 is not in MLflow, or was deleted",
    )
