"""`checked`: a record counts for exactly the pinned files, by the named user (RULES R3)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mlflow_gitops.core.gates.files import checked
from mlflow_gitops.core.gates.files.checked import Checked, CheckedData
from mlflow_gitops.core.gates.metrics import Bound
from mlflow_gitops.core.manifests.manifest import VersionSpec
from mlflow_gitops.core.recorded.check_records import CheckRecord, read_record
from tests.support.core.subjects import said, subject

DIGEST, OTHER = "sha256:" + "a" * 64, "sha256:" + "b" * 64
DATA = CheckedData("data/holdout.csv", "c" * 64, "label", "classifier")
GOOD = CheckRecord(
    "run1", "checker", "2026-03-09T12:00:00Z", DIGEST, True, None, 2.0, 40.0, 3e8, "c" * 64,
    {"accuracy_score": 0.93, "max_error": 2.0},
)  # fmt: skip
ASKED = Checked(
    "checker", load="30s", latency_p95="50ms", memory="1GB", within="7d",
    metrics={"accuracy": Bound(min=0.9), "max_error": Bound(max=3)}, data=DATA,
)  # fmt: skip


def judge(
    *records: CheckRecord, asked: Checked = ASKED, digest: str | None = DIGEST
) -> list[tuple[str, str]]:
    spec = VersionSpec(digest=digest) if digest else None
    checks = {"mlflow-gitops/checks": tuple(records)}
    return said(*checked.ask(subject(spec=spec, checks=checks), asked))


def test_a_record_that_meets_every_bound_passes() -> None:
    assert judge(GOOD) == [
        ("passed", "checked at 2026-03-09T12:00:00Z by checker (run run1)"),
        ("passed", "load 2 s ≤ 30s"),
        ("passed", "latency p95 40 ms ≤ 50ms"),
        ("passed", "memory 300.0 MB ≤ 1GB"),
        ("passed", "accuracy 0.93 ≥ 0.9"),
        ("passed", "max_error 2 ≤ 3"),
    ]


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"digest": OTHER}, "no check of the files of 14 is recorded in mlflow-gitops/checks"),
        ({"user": "mallory"}, "were recorded by mallory, not by checker"),
        ({"user": ""}, "were recorded by , not by checker"),
        ({"at": "2026-03-10T12:15:01Z"}, "are from the future"),
        ({"at": "2026-03-03T11:59:59Z"}, "checked 7 days ago > 7d"),
        ({"has_passed": False, "fault": "it has no input example"}, "it has no input example"),
        ({"has_passed": False}, "the record names no reason"),
        ({"load_seconds": 30.001}, "load 30.001 s > 30s"),
        ({"load_seconds": None}, "load was not measured"),
        ({"latency_p95_ms": 50.5}, "latency p95 50.5 ms > 50ms"),
        ({"latency_p95_ms": float("nan")}, "latency p95 nan ms > 50ms"),
        ({"peak_memory_bytes": 1.2e9}, "memory 1.2 GB > 1GB"),
        ({"metrics": {"accuracy_score": 0.89, "max_error": 2.0}}, "accuracy 0.89 < 0.9"),
        ({"metrics": {"accuracy_score": 0.95, "max_error": 9.0}}, "max_error 9 > 3"),
        ({"metrics": {"max_error": 2.0}}, "the metric accuracy was not measured"),
        ({"data": "d" * 64}, "were not measured on the policy's data"),
        ({"data": None}, "were not measured on the policy's data"),
    ],
)
def test_anything_else_fails_with_the_reason(change: dict[str, Any], detail: str) -> None:
    findings = judge(replace(GOOD, **change))
    [failure] = [text for status, text in findings if status != "passed"]
    assert detail in failure


def test_a_version_without_a_digest_and_one_without_a_record_fail() -> None:
    [(status, detail)] = judge(GOOD, digest=None)
    assert status == "failed" and "mlflow-gitops pin fraud 14" in detail
    [(status, detail)] = judge()
    assert status == "failed" and detail.endswith("mlflow-gitops check fraud 14 --record")


def test_the_newest_record_of_the_user_decides() -> None:
    """Neither an older one that passed, nor what somebody else recorded later, is in its way."""
    newer = replace(GOOD, at="2026-03-10T11:00:00Z", has_passed=False, fault="broke")
    assert judge(GOOD, newer) == [("failed", "its check failed: broke")]
    later = replace(newer, user="mallory", at="2026-03-10T11:30:00Z")
    assert judge(later, GOOD)[0][0] == "passed"


def test_without_bounds_only_the_check_itself_is_asked() -> None:
    assert judge(GOOD, asked=Checked("checker")) == [
        ("passed", "checked at 2026-03-09T12:00:00Z by checker (run run1)")
    ]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (Checked(None, load="30s"), "missing-field"),
        (Checked("checker", metrics={"accuracy": Bound(min=0.9)}), "missing-field"),
        (Checked("checker", metrics={"accuracy": Bound()}, data=DATA), "missing-field"),
        (Checked("checker", metrics={"accuracy": Bound(2, 1)}, data=DATA), "bad-value"),
    ],
)
def test_settings_that_nothing_could_meet_are_faults(asked: Checked, code: str) -> None:
    assert [fault.code for fault in checked.find_faults(asked, "Production", ())] == [code]
    assert not list(checked.find_faults(ASKED, "Production", ()))


@pytest.mark.parametrize(
    ("text", "seconds"), [("50ms", 0.05), ("1.5s", 1.5), ("2m", 120), ("30s", 30), ("later", 0)]
)
def test_short_times(text: str, seconds: float) -> None:
    assert checked.seconds(text) == pytest.approx(seconds)


@pytest.mark.parametrize("tags", [{}, {"gitops.check.schema": "2"}, {"gitops.check.schema": "1"}])
def test_a_run_that_check_did_not_write_is_no_record(tags: dict[str, str]) -> None:
    assert read_record("r", "checker", GOOD.at, tags, {"accuracy_score": 1.0}) is None
