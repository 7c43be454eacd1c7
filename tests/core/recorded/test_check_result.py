"""The JSON of a check comes from a job that ran a model's code: each value is checked."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from mlflow_gitops.core.recorded.check_records import metrics_of, read_record, record_of, tags_of
from mlflow_gitops.core.recorded.check_result import (
    NotAResult,
    VersionCheck,
    percentile,
    read_result,
)

RESULT = VersionCheck(
    "fraud", 14, "sha256:" + "a" * 64, "2026-03-10T12:00:00Z", "uv", "3.12.1", "3.17.2",
    2.5, 10.0, 12.5, 50, 300_000_000, (), "c" * 64, {"accuracy_score": 0.9}, (1, 0.5, "a", True),
)  # fmt: skip


def test_a_result_is_read_as_it_was_written() -> None:
    assert read_result(json.dumps(RESULT.document())) == RESULT
    failed = VersionCheck("fraud", 1, RESULT.digest, RESULT.at, "local", faults=("it broke",))
    assert read_result(json.dumps(failed.document())) == failed


@pytest.mark.parametrize(
    "change",
    [
        {"model": ""}, {"model": 7}, {"version": 0}, {"version": True}, {"version": "14"},
        {"digest": "sha256:abc"}, {"digest": None}, {"at": "yesterday"}, {"env_manager": "conda"},
        {"load_seconds": -1}, {"load_seconds": 1e19}, {"load_seconds": True},
        {"latency_p95_ms": None}, {"peak_memory_bytes": 0.5}, {"calls": -1},
        {"faults": "none"}, {"faults": [7]}, {"faults": ["x" * 3000]}, {"data": "C" * 64},
        {"metrics": {"accuracy": "1"}}, {"metrics": {"accuracy": None}}, {"metrics": []},
        {"answers": [None]}, {"answers": [[1]]}, {"answers": {"a": 1}},
        {"schema": 2}, {"more": 1},
    ],
    ids=str,
)  # fmt: skip
def test_anything_else_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(NotAResult):
        read_result(json.dumps({**RESULT.document(), **change}))


@pytest.mark.parametrize("text", ["", "[]", "7", "{", "[" * 100_000, '{"schema": 1}'])
def test_what_is_no_result_at_all(text: str) -> None:
    with pytest.raises(NotAResult):
        read_result(text)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_no_number_without_an_end(number: str) -> None:
    text = json.dumps(RESULT.document()).replace("2.5", number)
    with pytest.raises(NotAResult):
        read_result(text)


def test_a_missing_field_is_refused() -> None:
    for name in RESULT.document():
        if name != "outcome":
            rest = {key: value for key, value in RESULT.document().items() if key != name}
            with pytest.raises(NotAResult):
                read_result(json.dumps(rest))


def test_the_outcome_is_what_the_faults_say() -> None:
    """A text that calls itself passed, and names a fault, has failed."""
    lying = {**RESULT.document(), "faults": ["it broke"], "outcome": "passed"}
    assert not read_result(json.dumps(lying)).has_passed


def test_a_record_has_what_the_result_has() -> None:
    tags, metrics = tags_of(RESULT), metrics_of(RESULT)
    record = read_record("r", "checker", RESULT.at, tags, metrics)
    assert record == replace(record_of(RESULT), run_id="r", user="checker")
    assert record is not None and record.has_passed and record.digest == RESULT.digest
    assert record.metrics == {"accuracy_score": 0.9} and record.data == "c" * 64
    assert record.load_seconds == 2.5 and record.latency_p95_ms == 12.5
    failed = replace(RESULT, faults=("it broke", "twice"))
    assert record_of(failed).fault == "it broke\ntwice" and not record_of(failed).has_passed


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 2.0), (0.95, 4.0), (0.25, 1.0), (0.26, 2.0), (0.0, 1.0)]
)
def test_percentiles_are_measured_values(share: float, expected: float) -> None:
    assert percentile([4.0, 1.0, 3.0, 2.0], share) == expected
