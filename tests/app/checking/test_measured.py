"""What a process in which a model's code ran wrote about it may be made up."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mlflow_gitops.app.checking.measured import add_measured
from mlflow_gitops.core.recorded.check_result import VersionCheck
from mlflow_gitops.core.recorded.values import Signature
from mlflow_gitops.edges.checking.confined import EndedRun

START = VersionCheck("fraud", 14, "sha256:" + "a" * 64, "2026-03-10T12:00:00Z", "uv")
DOUBLE = '[{"type": "double", "required": true}]'
SIGNATURE = Signature(outputs=({"type": "double", "required": True},))
HONEST = {
    "python": "3.12.1", "mlflow": "3.17.2", "step": "done", "load_seconds": 2.0,
    "latencies_ms": [1.0, 2.0, 3.0, 4.0], "outputs": DOUBLE, "answers": [1, 2.5],
}  # fmt: skip
DATA = "c" * 64


def measured(
    change: dict[str, Any] | None = None,
    *,
    signature: Signature | None = SIGNATURE,
    data: str | None = None,
    fault: str | None = None,
    content: bytes | None = None,
) -> VersionCheck:
    text = json.dumps({**HONEST, **(change or {})}).encode() if content is None else content
    start = VersionCheck(**{**{name: getattr(START, name) for name in (
        "model", "version", "digest", "at", "env_manager")}, "data": data})  # fmt: skip
    return add_measured(start, EndedRun(fault, 10**8, "its last words", text), signature)


def test_an_honest_measurement() -> None:
    result = measured(data=DATA)
    assert result.has_passed and result.answers == (1, 2.5)
    assert (result.load_seconds, result.latency_p50_ms, result.latency_p95_ms) == (2.0, 2.0, 4.0)
    assert (result.calls, result.peak_memory_bytes, result.python) == (4, 10**8, "3.12.1")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"error": "OSError: gone", "step": "load"}, "it cannot be loaded: OSError: gone"),
        ({"error": "ImportError: x", "step": None}, "it cannot be loaded: ImportError: x"),
        ({"error": "x", "step": "data"}, "it cannot predict the policy's dataset: x"),
        ({"step": "example"}, "it has no input example; log the model with input_example="),
        ({"outputs": '[{"type": "string", "required": true}]'}, "double → string"),
        ({"outputs": None}, "has no type that MLflow knows"),
        ({"outputs": "nonsense"}, "has no type that MLflow knows"),
        ({"outputs": 7}, "has no type that MLflow knows"),
        ({"answers": None}, "are not one number or text a row"),
        ({"answers": [None]}, "are not one number or text a row"),
        ({"answers": "12"}, "are not one number or text a row"),
        ({"load_seconds": None}, "what it measured of itself has wrong values"),
        ({"load_seconds": -1}, "what it measured of itself has wrong values"),
        ({"latencies_ms": []}, "what it measured of itself has wrong values"),
        ({"latencies_ms": [1] * 501}, "what it measured of itself has wrong values"),
        ({"latencies_ms": ["1"]}, "what it measured of itself has wrong values"),
    ],
)
def test_anything_else_fails_with_the_reason(change: dict[str, Any], fault: str) -> None:
    result = measured(change, data=DATA)
    assert not result.has_passed and fault in result.faults[0]


@pytest.mark.parametrize("signature", [None, Signature(), Signature(inputs=({"type": "long"},))])
def test_without_outputs_there_is_nothing_to_compare_with(signature: Signature | None) -> None:
    [fault] = measured(signature=signature).faults
    assert "it has no signature with outputs" in fault


def test_names_count_only_if_the_signature_has_some() -> None:
    named = '[{"type": "double", "name": "score", "required": true}]'
    assert measured({"outputs": named}).has_passed
    other = Signature(outputs=({"type": "double", "name": "risk", "required": True},))
    assert measured({"outputs": named}, signature=other).faults == (
        "its answer does not fit its signature: output risk: gone",
    )


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", b"[" * 100_000])
def test_no_result_is_a_fault(content: bytes) -> None:
    [fault] = measured(content=content).faults
    assert fault == "it did not run to its end: it wrote no result: its last words"


def test_a_process_that_was_ended_is_a_fault_whatever_it_wrote() -> None:
    [fault] = measured(fault="it did not end within 5 seconds").faults
    assert "it did not end within 5 seconds: its last words" in fault


def test_a_fault_is_no_longer_than_a_sentence() -> None:
    [fault] = measured({"error": "x" * 100_000, "step": "load"}).faults
    assert len(fault) == 500
