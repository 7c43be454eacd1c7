"""`status`, `pinned`, `tags`, `metrics`, `no_worse_than`: what is missing fails and is named (RULES
R3)."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlflow_gitops.core.gates import Finding
from mlflow_gitops.core.gates.recorded_values import (
    metrics,
    no_worse_than,
    numbers,
    pinned,
    status,
    tags,
)
from mlflow_gitops.core.manifests.gate_settings import Bound, NoWorse, Tolerance
from mlflow_gitops.core.manifests.manifest import VersionSpec
from mlflow_gitops.core.observed.model import ObservedModel, ObservedVersion
from mlflow_gitops.core.observed.recorded import Dataset, Record
from tests.core.gates.subjects import HOLDOUT, OTHER, measured, said, subject


def test_status() -> None:
    assert status(subject(), "READY") == Finding("passed", "status READY")
    late = subject(status="PENDING_REGISTRATION")
    assert status(late, "READY") == Finding("failed", "status PENDING_REGISTRATION, not READY")
    absent = status(subject(versions=(12,)), "READY")
    assert absent.status == "failed" and absent.detail.startswith("14 is not in MLflow yet")


@pytest.mark.parametrize(
    ("spec", "verdict"),
    [
        (VersionSpec(run_id="r"), "passed"),
        (VersionSpec(source="s"), "passed"),
        (VersionSpec(model_id="m"), "passed"),
        (VersionSpec(description="told, not pinned"), "failed"),
        (VersionSpec(dataset_digest="abc"), "failed"),
        (None, "failed"),
    ],
)
def test_pinned(spec: VersionSpec | None, verdict: str) -> None:
    found = pinned(subject(spec=spec))
    assert found.status == verdict
    assert found.detail == (
        "pinned" if verdict == "passed" else "14 is not pinned: mlflow-gitops pin fraud 14"
    )


def test_tags_are_those_that_mlflow_has() -> None:
    wanted = {"validation": "passed", "bias": "none"}
    assert said(*tags(subject(tags={"validation": "passed", "bias": "some"}), wanted)) == [
        ("passed", "tag validation is passed"),
        ("failed", "tag bias is 'some', not 'none'"),
    ]
    declared = VersionSpec(tags={"validation": "passed"})
    assert said(*tags(subject(spec=declared), {"validation": "passed"})) == [
        ("failed", "tag validation is missing")
    ]


@pytest.mark.parametrize(
    ("value", "bound", "finding"),
    [
        (0.912, Bound(min=0.9), ("passed", "accuracy 0.912 ≥ 0.9")),
        (0.9, Bound(min=0.9), ("passed", "accuracy 0.9 ≥ 0.9")),
        (0.8999999, Bound(min=0.9), ("failed", "accuracy 0.8999999 < 0.9")),
        (61, Bound(max=50), ("failed", "accuracy 61 > 50")),
        (50, Bound(max=50), ("passed", "accuracy 50 ≤ 50")),
        (math.nan, Bound(min=0.9), ("failed", "accuracy nan is not ≥ 0.9")),
        (math.nan, Bound(max=0.9), ("failed", "accuracy nan is not ≤ 0.9")),
        (math.inf, Bound(min=0.9), ("passed", "accuracy inf ≥ 0.9")),
    ],
)
def test_a_metric_within_its_bounds(value: float, bound: Bound, finding: tuple[str, str]) -> None:
    assert said(*metrics(subject(records={14: measured(accuracy=value)}), {"accuracy": bound})) == [
        finding
    ]


def test_both_bounds_are_judged() -> None:
    found = said(*metrics(subject(records={14: measured(loss=3)}), {"loss": Bound(1, 2)}))
    assert found == [("passed", "loss 3 ≥ 1"), ("failed", "loss 3 > 2")]


def test_a_metric_that_is_missing_does_not_hide_the_others() -> None:
    found = said(
        *metrics(subject(records={14: measured(loss=3)}), {"gone": Bound(1), "loss": Bound(max=2)})
    )
    assert found == [("failed", "gone of 14 is missing: it logged loss"), ("failed", "loss 3 > 2")]


def test_a_run_that_mlflow_has_lost_is_named() -> None:
    lost = replace(
        subject(), seen=ObservedModel("fraud", versions={14: ObservedVersion(14, run_id="abc")})
    )
    assert said(*metrics(lost, {"loss": Bound(1)})) == [
        ("failed", "loss of 14 is missing: its run abc is not in MLflow")
    ]


def test_at_most_eight_of_the_logged_metrics_are_named() -> None:
    many = measured(**{f"m{i}": 1.0 for i in range(9)})
    [found] = metrics(subject(records={14: many}), {"loss": Bound(1)})
    assert found.detail == "loss of 14 is missing: it logged m0, m1, m2, m3, m4, m5, m6, m7"


SEVERAL = measured(accuracy=[(0.95, HOLDOUT), (0.85, OTHER)], recall=0.7)


@pytest.mark.parametrize(
    ("record", "bound", "finding"),
    [
        (
            None,
            Bound(0.9),
            ("failed", "accuracy of 14 is missing: it has neither run nor logged model"),
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
        (SEVERAL, Bound(0.9, dataset="holdout"), ("passed", "accuracy 0.95 ≥ 0.9")),
        (SEVERAL, Bound(0.9, dataset="d2"), ("failed", "accuracy 0.85 < 0.9")),
        (
            SEVERAL,
            Bound(0.9, dataset="third"),
            ("failed", "accuracy of 14 was not measured on third but on holdout (d1), other (d2)"),
        ),
        (
            measured(accuracy=1),
            Bound(0.9, dataset="holdout"),
            ("failed", "accuracy of 14 was not measured on holdout but on unnamed data"),
        ),
    ],
)
def test_a_metric_that_is_missing_or_of_several_datasets(
    record: Record | None, bound: Bound, finding: tuple[str, str]
) -> None:
    records = {14: record} if record else {}
    assert said(*metrics(subject(records=records), {"accuracy": bound})) == [finding]


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
            ("failed", "accuracy nan is worse than 12's 0.4 (not a number)"),
        ),
        (
            0.4,
            math.nan,
            Tolerance(),
            ("failed", "accuracy 0.4 is worse than 12's nan (not a number)"),
        ),
    ],
)
def test_no_worse_on_the_same_data(
    new: float, old: float, how: Tolerance, finding: tuple[str, str]
) -> None:
    records = {14: measured(accuracy=(new, HOLDOUT)), 12: measured(accuracy=(old, HOLDOUT))}
    assert said(
        *no_worse_than(subject(records=records), NoWorse("Production", {"accuracy": how}))
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
            "accuracy of 14 does not say on which data",
        ),
        (
            measured(accuracy=(0.9, OTHER)),
            measured(accuracy=0.8),
            Tolerance(),
            "accuracy of 12 does not say on which data",
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
    [found] = no_worse_than(
        subject(records={14: new, 12: old}), NoWorse("Production", {"accuracy": how})
    )
    assert found.status == "failed" and found.detail.startswith(detail)


def test_different_data_is_compared_where_the_policy_says_so() -> None:
    records = {14: measured(accuracy=0.9), 12: measured(accuracy=(0.8, OTHER))}
    how = NoWorse("Production", {"accuracy": Tolerance(same_data=False)})
    assert said(*no_worse_than(subject(records=records), how)) == [
        ("passed", "accuracy no worse than 12 (+0.1)")
    ]


def test_the_dataset_that_the_policy_names_is_compared_on_whatever_data_it_was() -> None:
    records = {14: SEVERAL, 12: measured(accuracy=[(0.9, Dataset("holdout", "d9")), (0.99, OTHER)])}
    how = NoWorse("Production", {"accuracy": Tolerance(same_data=False, dataset="holdout")})
    assert said(*no_worse_than(subject(records=records), how)) == [
        ("passed", "accuracy no worse than 12 (+0.05)")
    ]


def test_every_dataset_that_both_were_measured_on_counts() -> None:
    better = measured(accuracy=[(0.95, HOLDOUT), (0.85, OTHER)])
    mixed = measured(accuracy=[(0.90, HOLDOUT), (0.88, OTHER)])
    how = {"accuracy": Tolerance()}
    found = no_worse_than(subject(records={14: better, 12: mixed}), NoWorse("Production", how))
    assert [one.status for one in found] == ["passed", "failed"]
    named = {"accuracy": Tolerance(dataset="holdout")}
    found = no_worse_than(subject(records={14: better, 12: mixed}), NoWorse("Production", named))
    assert [one.status for one in found] == ["passed"]


@pytest.mark.parametrize("holder", [None, 14])
def test_nobody_to_compare_with_is_exempt(holder: int | None) -> None:
    [found] = no_worse_than(subject(holder=holder), NoWorse("Staging", {"accuracy": Tolerance()}))
    assert found == Finding("exempt", "nobody to compare with: no other version holds Staging")


def test_the_holder_of_the_stage_that_the_policy_names_is_compared_with() -> None:
    """`no_worse_than: {stage: …}` may be another stage than the one that is entered; `signature` is
    about that one."""
    holders = {"Staging": 12, "Production": 14}
    found = replace(subject(records={14: SEVERAL, 12: SEVERAL}), holder=holders.get)
    [compared] = no_worse_than(found, NoWorse("Staging", {"recall": Tolerance(same_data=False)}))
    assert compared.status == "passed"


def test_a_holder_that_mlflow_has_lost_fails() -> None:
    [found] = no_worse_than(
        subject(versions=(14,)), NoWorse("Production", {"accuracy": Tolerance()})
    )
    assert found == Finding(
        "failed", "12, which holds Production, is not in MLflow to compare with"
    )


@pytest.mark.parametrize(
    ("one", "other", "shown"),
    [
        (0.9, 0.91, ("0.9", "0.91")),
        (0.123456, 0.5, ("0.1235", "0.5")),
        (0.5, 0.123456, ("0.5", "0.1235")),
        (0.123456, 0.123456, ("0.1235", "0.1235")),
        (0.1000012345, 0.1, ("0.100001", "0.1")),
        (0.1, 0.10000000123456, ("0.1", "0.100000001")),
        (0.1000000000012345, 0.1, ("0.100000000001", "0.1")),
        (0.1, 0.10000000000000002, ("0.1", "0.10000000000000002")),
        (0.10000000000000002, 0.1, ("0.10000000000000002", "0.1")),
    ],
)
def test_numbers_are_shown_in_as_few_digits_as_tell_them_apart(
    one: float, other: float, shown: tuple[str, str]
) -> None:
    assert numbers(one, other) == shown


finite = st.floats(allow_nan=False, allow_infinity=False)


@given(finite, finite)
def test_numbers_are_never_shown_equal_that_are_not(one: float, two: float) -> None:
    left, right = numbers(one, two)
    assert (float(left) < float(right)) == (one < two) and (float(left) == float(right)) == (
        one == two
    )
