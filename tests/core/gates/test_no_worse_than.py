"""`no_worse_than`: compared on the same data, or failed by name (RULES R3)."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from mlflow_gitops.core.gates import Finding, no_worse_than
from mlflow_gitops.core.gates.no_worse_than import NoWorse, Tolerance
from mlflow_gitops.core.recorded.values import Dataset, Record
from tests.support.core.subjects import HOLDOUT, OTHER, measured, said, subject

SEVERAL = measured(accuracy=[(0.95, HOLDOUT), (0.85, OTHER)], recall=0.7)


@pytest.mark.parametrize(
    ("new", "old", "how", "finding"),
    [
        (0.95, 0.94, Tolerance(), ("passed", "accuracy no worse than 12 (+0.01)")),
        (0.94, 0.94, Tolerance(), ("passed", "accuracy no worse than 12 (+0)")),
        (0.93, 0.94, Tolerance(), ("failed", "accuracy 0.93 is worse than 12's 0.94 (-0.01)")),
        (0.93, 0.94, Tolerance(0.01), ("passed", "accuracy no worse than 12 (-0.01)")),
        (
            0.7,
            0.8,
            Tolerance(0.1),
            ("passed", "accuracy no worse than 12 (-0.1)"),
        ),  # -0.10000000000000009 in binary
        (1.0, 1 + 4e-13, Tolerance(), ("passed", "accuracy no worse than 12 (-3.999e-13)")),
        (
            0.92,
            0.94,
            Tolerance(0.01),
            ("failed", "accuracy 0.92 is worse than 12's 0.94 (-0.02, tolerance 0.01)"),
        ),
        (0.3, 0.4, Tolerance(better="lower"), ("passed", "accuracy no worse than 12 (-0.1)")),
        (
            0.5,
            0.4,
            Tolerance(better="lower"),
            ("failed", "accuracy 0.5 is worse than 12's 0.4 (+0.1)"),
        ),
        (
            math.nan,
            0.4,
            Tolerance(),
            ("failed", "accuracy of 14 is nan, which is no measured value"),
        ),
        (
            0.4,
            math.nan,
            Tolerance(),
            ("failed", "accuracy of 12 is nan, which is no measured value"),
        ),
    ],
)
def test_no_worse_on_the_same_data(
    new: float, old: float, how: Tolerance, finding: tuple[str, str]
) -> None:
    records = {14: measured(accuracy=(new, HOLDOUT)), 12: measured(accuracy=(old, HOLDOUT))}
    assert said(
        *no_worse_than.ask(subject(records=records), NoWorse("Production", {"accuracy": how}))
    ) == [finding]


@pytest.mark.parametrize(
    ("new", "old", "how", "detail"),
    [
        (
            measured(accuracy=(0.9, HOLDOUT)),
            measured(accuracy=(0.8, OTHER)),
            Tolerance(),
            "accuracy was measured on different data: holdout (d1) for 14, other (d2) for 12",
        ),
        (
            measured(accuracy=0.9),
            measured(accuracy=(0.8, OTHER)),
            Tolerance(),
            "accuracy of 14 was logged without a dataset",
        ),
        (
            measured(accuracy=(0.9, OTHER)),
            measured(accuracy=0.8),
            Tolerance(),
            "accuracy of 12 was logged without a dataset",
        ),
        (
            measured(accuracy=0.9),
            measured(f1=0.8),
            Tolerance(same_data=False),
            "accuracy of 12 is missing: it logged f1",
        ),
        (
            SEVERAL,
            SEVERAL,
            Tolerance(same_data=False),
            "accuracy of 14 was measured on several datasets",
        ),
    ],
)
def test_what_cannot_be_compared_fails(
    new: Record, old: Record, how: Tolerance, detail: str
) -> None:
    [found] = no_worse_than.ask(
        subject(records={14: new, 12: old}), NoWorse("Production", {"accuracy": how})
    )
    assert found.status == "failed" and found.detail.startswith(detail)


def test_different_data_is_compared_where_the_policy_says_so() -> None:
    records = {14: measured(accuracy=0.9), 12: measured(accuracy=(0.8, OTHER))}
    how = NoWorse("Production", {"accuracy": Tolerance(same_data=False)})
    assert said(*no_worse_than.ask(subject(records=records), how)) == [
        ("passed", "accuracy no worse than 12 (+0.1)")
    ]


def test_the_dataset_that_the_policy_names_is_compared_on_whatever_data_it_was() -> None:
    records = {
        14: SEVERAL,
        12: measured(accuracy=[(0.9, Dataset("other name", "d1")), (0.99, OTHER)]),
    }
    how = NoWorse("Production", {"accuracy": Tolerance(same_data=False, dataset="d1")})
    assert said(*no_worse_than.ask(subject(records=records), how)) == [
        ("passed", "accuracy no worse than 12 (+0.05)")
    ]


def test_every_dataset_that_both_were_measured_on_counts() -> None:
    better = measured(accuracy=[(0.95, HOLDOUT), (0.85, OTHER)])
    mixed = measured(accuracy=[(0.90, HOLDOUT), (0.88, OTHER)])
    how = {"accuracy": Tolerance()}
    found = no_worse_than.ask(subject(records={14: better, 12: mixed}), NoWorse("Production", how))
    assert [one.status for one in found] == ["passed", "failed"]
    named = {"accuracy": Tolerance(dataset="d1")}
    found = no_worse_than.ask(
        subject(records={14: better, 12: mixed}), NoWorse("Production", named)
    )
    assert [one.status for one in found] == ["passed"]


@pytest.mark.parametrize("holder", [None, 14])
def test_nobody_to_compare_with_is_exempt(holder: int | None) -> None:
    [found] = no_worse_than.ask(
        subject(holder=holder), NoWorse("Staging", {"accuracy": Tolerance()})
    )
    assert found == Finding("exempt", "nobody to compare with: no other version holds Staging")


def test_the_holder_of_the_stage_that_the_policy_names_is_compared_with() -> None:
    """`no_worse_than: {stage: …}` may be another stage than the one that is entered; `signature` is
    about that one."""
    holders = {"Staging": 12, "Production": 14}
    found = subject(records={14: SEVERAL, 12: SEVERAL}, holders=holders)
    [compared] = no_worse_than.ask(
        found, NoWorse("Staging", {"recall": Tolerance(same_data=False)})
    )
    assert compared.status == "passed"


def test_a_holder_that_mlflow_has_lost_fails() -> None:
    [found] = no_worse_than.ask(
        subject(versions=(14,)), NoWorse("Production", {"accuracy": Tolerance()})
    )
    assert found == Finding(
        "failed", "12, which holds Production, is not in MLflow to compare with"
    )


@pytest.mark.parametrize(
    ("datasets", "status"),
    [((HOLDOUT,), "passed"), ((OTHER,), "failed"), ((HOLDOUT, OTHER), "failed"), ((), "failed")],
)
def test_a_value_without_a_dataset_is_of_the_runs_only_one(
    datasets: tuple[Dataset, ...], status: str
) -> None:
    """As `mlflow.log_metric` leaves it, beside `mlflow.log_input`."""
    new = replace(measured(accuracy=0.95), datasets=datasets)
    records = {14: new, 12: measured(accuracy=(0.94, HOLDOUT))}
    settings = NoWorse("Production", {"accuracy": Tolerance()})
    [finding] = no_worse_than.ask(subject(records=records), settings)
    assert finding.status == status
