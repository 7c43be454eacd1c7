"""What a process in which a model's code ran wrote about it. All of it may be made up, so each
value is checked, and no text is longer than a sentence."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from mlflow_gitops.core.recorded.check_result import (
    NotAResult,
    VersionCheck,
    is_amount,
    is_answers,
    percentile,
    read_result,
)
from mlflow_gitops.core.recorded.signatures import breaks
from mlflow_gitops.core.recorded.values import Signature
from mlflow_gitops.edges.checking.confined import EndedRun
from mlflow_gitops.edges.mlflow.artifacts.signature_json import parse_signature
from mlflow_gitops.edges.system.redaction import redact

_MOST = 500
"""Characters of one fault, and timed predictions."""
_STEPS = {
    "load": "it cannot be loaded",
    "example": "its input example cannot be read",
    "predict": "it cannot predict its input example",
    "data": "it cannot predict the policy's dataset",
}


def add_measured(
    result: VersionCheck, ended: EndedRun, signature: Signature | None
) -> VersionCheck:
    """The result with what the process wrote, or with the reason why that is nothing."""
    result = replace(result, peak_memory_bytes=ended.peak_memory)
    values = _object(ended.result)
    if ended.fault is not None or values is None:
        reason = ended.fault or "it wrote no result"
        last = f": {ended.last_line}" if ended.last_line else ""
        return replace(result, faults=(f"it did not run to its end: {reason}{last}"[:_MOST],))

    answers = values.get("answers")
    latencies = _latencies(values.get("latencies_ms"))
    measured = replace(
        result,
        python=_text(values.get("python")),
        mlflow=_text(values.get("mlflow")),
        load_seconds=_amount(values.get("load_seconds")),
        latency_p50_ms=percentile(latencies, 0.5) if latencies else None,
        latency_p95_ms=percentile(latencies, 0.95) if latencies else None,
        calls=len(latencies),
        answers=tuple(answers) if answers is not None and is_answers(answers) else None,
        faults=tuple(_faults(values, signature, needs_answers=result.data is not None)),
    )
    try:
        return read_result(json.dumps(measured.document()))
    except NotAResult:
        return replace(result, faults=("what it measured of itself has wrong values",))


def _object(content: bytes) -> dict[str, Any] | None:
    try:
        values = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return values if isinstance(values, dict) else None


def _text(value: Any) -> str | None:
    return redact(value)[:80] if isinstance(value, str) and value else None


def _amount(value: Any) -> float | None:
    return float(value) if is_amount(value) else None


def _latencies(values: Any) -> list[float]:
    if not isinstance(values, list) or len(values) > _MOST or not all(map(is_amount, values)):
        return []
    return [float(value) for value in values]


def _faults(
    values: Mapping[str, Any], signature: Signature | None, *, needs_answers: bool
) -> Iterator[str]:
    """Why the check has not passed."""
    step = _STEPS.get(str(values.get("step")), "it cannot be loaded")
    if "error" in values:
        yield f"{step}: {redact(str(values['error']))}"[:_MOST]
        return
    if values.get("step") == "example":
        yield "it has no input example; log the model with input_example="
        return
    yield from (fault[:_MOST] for fault in _signature_faults(values.get("outputs"), signature))
    if needs_answers and not is_answers(values.get("answers")):
        yield "its predictions of the policy's dataset are not one number or text a row"


def _signature_faults(outputs: Any, signature: Signature | None) -> Iterator[str]:
    """How the answer to the input example differs from what the signature promises."""
    if signature is None or signature.outputs is None:
        yield "it has no signature with outputs, which its answer could be compared with"
        return
    try:
        actual = parse_signature({"outputs": outputs}) if isinstance(outputs, str) else None
    except ValueError:
        actual = None
    if actual is None:
        yield "its answer to the input example has no type that MLflow knows"
        return
    if not any("name" in column for column in signature.outputs):
        # A table's column has a name where a signature without names is met as well.
        outputs_by_position = tuple(
            {key: value for key, value in column.items() if key != "name"}
            for column in actual.outputs or ()
        )
        actual = replace(actual, outputs=outputs_by_position)
    for difference in breaks(actual, Signature(outputs=signature.outputs)):
        yield f"its answer does not fit its signature: {difference}"
