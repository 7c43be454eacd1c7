"""Takes numbers out of the answers of Prometheus' HTTP API. What is not exactly as its
documentation describes it is no number."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

from mlflow_gitops.core.health.values import NoValue, TimedValue

_LONGEST_TEXT = 300


def read_data(status: int, text: str) -> dict[str, Any]:
    """The data of an answer. Raises NoValue for an error, and for an answer with warnings: Thanos
    warns if a part of the data is missing."""
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise NoValue(f"Prometheus answers with status {status} and no JSON object")
    if answer.get("status") != "success" or status != 200:
        error = _short(answer.get("error")) or f"status {status}"
        raise NoValue(f"Prometheus reports an error: {error}")
    warnings = answer.get("warnings")
    if warnings:
        first = warnings[0] if isinstance(warnings, list) else warnings
        raise NoValue(f"Prometheus warns: {_short(first)}")
    data = answer.get("data")
    if not isinstance(data, dict):
        raise NoValue("Prometheus answers without data")
    return data


def one_number(data: dict[str, Any]) -> float:
    """The number of an instant query: a scalar, or the only series of a vector."""
    kind, result = data.get("resultType"), data.get("result")
    if kind == "scalar":
        return _pair(result).value
    if kind != "vector" or not isinstance(result, list):
        raise NoValue(f"the query gives {_kind(kind)}, not a number")
    return _pair(_only(result).get("value")).value


def one_series(data: dict[str, Any]) -> Sequence[TimedValue]:
    """The numbers of the only series of a range query; none if there is no series."""
    kind, result = data.get("resultType"), data.get("result")
    if kind != "matrix" or not isinstance(result, list):
        raise NoValue(f"the query gives {_kind(kind)}, not numbers over time")
    values = _only(result).get("values")
    if not isinstance(values, list):
        raise NoValue("the query gives a series without numbers")
    return [_pair(value) for value in values]


def _only(result: list[Any]) -> dict[str, Any]:
    if not result:
        raise NoValue("there is no data")
    if len(result) > 1:
        raise NoValue(f"the query gives {len(result)} series, not one")
    [series] = result
    if not isinstance(series, dict):
        raise NoValue("Prometheus answers with a series that cannot be read")
    return series


def _pair(value: Any) -> TimedValue:
    """A time in seconds and a number as text: `[1767268800.5, "0.02"]`."""
    try:
        seconds, number = value
        if not isinstance(number, str) or isinstance(seconds, (bool, str)):
            raise ValueError
        return TimedValue(datetime.fromtimestamp(seconds, timezone.utc), float(number))
    except (TypeError, ValueError, OverflowError, OSError):
        raise NoValue("Prometheus answers with a value that cannot be read") from None


def _kind(kind: Any) -> str:
    return f"a {kind}" if kind in ("string", "scalar", "vector", "matrix") else "something else"


def _short(text: Any) -> str:
    return " ".join(text.split())[:_LONGEST_TEXT] if isinstance(text, str) else ""
