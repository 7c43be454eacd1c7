"""What `check` measured of a version, and its JSON form.

A job that ran the version's code writes the JSON, and another one records it, so every value is
checked when it is read: the model may have made it up.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

Answer = str | int | float | bool
"""One prediction for one row of the policy's dataset."""

MAX_ANSWERS = 1_000_000
MAX_BYTES = 64 << 20
"""The largest result that is read."""

_MAX_TEXT, _MAX_ITEMS = 2_000, 1_000
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z\Z")


class NotAResult(ValueError):
    """A text is not the JSON of a result. The message quotes nothing from it."""


@dataclass(frozen=True, slots=True)
class VersionCheck:
    """What was measured of one version, in an environment of its own.

    `digest` is that of the files that were loaded, `at` RFC 3339 in UTC. What was not measured is
    None, and `faults` then says why; a check without faults has passed. `data` is the SHA-256 of
    the policy's dataset, `metrics` what MLflow's evaluation of `answers` came to.
    """

    model: str
    version: int
    digest: str
    at: str
    env_manager: str
    python: str | None = None
    mlflow: str | None = None
    load_seconds: float | None = None
    """To load the model, the libraries that it imports included."""
    latency_p50_ms: float | None = None
    latency_p95_ms: float | None = None
    calls: int = 0
    """The predictions of the input example that the latencies are of."""
    peak_memory_bytes: int | None = None
    """The largest amount of memory that the process had, as the operating system counted it."""
    faults: tuple[str, ...] = ()
    data: str | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    answers: tuple[Answer, ...] | None = None

    @property
    def has_passed(self) -> bool:
        """Whether everything that was to be done was done, and the answer fits the signature."""
        return not self.faults

    def document(self) -> dict[str, Any]:
        """The JSON form (DESIGN §5)."""
        outcome = "passed" if self.has_passed else "failed"
        return {"schema": 1, "outcome": outcome, **asdict(self)}


def percentile(values: list[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed."""
    position = math.ceil(share * len(values)) - 1
    return sorted(values)[max(0, position)]


def read_result(text: str) -> VersionCheck:
    """The result that a JSON document holds. Raises NotAResult for anything else."""
    if len(text) > MAX_BYTES:
        raise NotAResult(f"it has more than {MAX_BYTES >> 20} MiB")
    try:
        document = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise NotAResult("it is no JSON") from None
    if not isinstance(document, dict):
        raise NotAResult("it is no JSON object")

    names = {item.name for item in fields(VersionCheck)}
    unknown = document.keys() - names - {"schema", "outcome"}
    missing = names - document.keys()
    if document.get("schema") != 1 or unknown or missing:
        raise NotAResult("it does not have the fields of a result")
    for name, is_valid in _VALID.items():
        if not is_valid(document[name]):
            raise NotAResult(f"its field {name} has a wrong value")

    values = {name: document[name] for name in names}
    values["faults"] = tuple(values["faults"])
    if values["answers"] is not None:
        values["answers"] = tuple(values["answers"])
    result = VersionCheck(**values)
    if result.has_passed and None in (result.load_seconds, result.latency_p95_ms):
        raise NotAResult("it names no fault, and lacks a measured value")
    return result


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _MAX_TEXT


def _is_number(value: Any) -> bool:
    """Whether a value is a finite number that a metric may have (RULES R3)."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and abs(value) < 1e18


def is_amount(value: Any) -> bool:
    """Whether a value is a finite number of 0 or more."""
    return _is_number(value) and value >= 0


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and is_amount(value)


def _matches(pattern: re.Pattern[str]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and pattern.match(value) is not None


def _is_faults(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= _MAX_ITEMS and all(map(_is_text, value))


def _is_metrics(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and len(value) <= _MAX_ITEMS
        and all(_is_text(key) and _is_number(number) for key, number in value.items())
    )


def _is_answer(value: Any) -> bool:
    return isinstance(value, bool) or _is_number(value) or _is_text(value)


def is_answers(value: Any) -> bool:
    """Whether a value is a list of predictions."""
    return isinstance(value, list) and len(value) <= MAX_ANSWERS and all(map(_is_answer, value))


def _or_none(is_valid: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or is_valid(value)


_VALID: Mapping[str, Callable[[Any], bool]] = {
    "model": _is_text,
    "version": lambda value: _is_count(value) and value > 0,
    "digest": _matches(_DIGEST),
    "at": _matches(_TIME),
    "env_manager": lambda value: value in ("uv", "virtualenv", "local"),
    "python": _or_none(_is_text),
    "mlflow": _or_none(_is_text),
    "load_seconds": _or_none(is_amount),
    "latency_p50_ms": _or_none(is_amount),
    "latency_p95_ms": _or_none(is_amount),
    "calls": _is_count,
    "peak_memory_bytes": _or_none(_is_count),
    "faults": _is_faults,
    "data": _or_none(_matches(re.compile(r"[0-9a-f]{64}\Z"))),
    "metrics": _is_metrics,
    "answers": _or_none(is_answers),
}
