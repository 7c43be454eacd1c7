"""Two versions side by side, as JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from mlflow_gitops.core.comparison.values import Comparison, Facts, MetricPair, Pair
from mlflow_gitops.core.secrets import MASK, shown_source
from mlflow_gitops.render.terminal import json_document


def json(comparison: Comparison) -> Iterator[str]:
    """The whole comparison as one JSON document."""
    return json_document(comparison_data(comparison))


def comparison_data(comparison: Comparison) -> dict[str, Any]:
    """The whole comparison. A value for which JSON has no number (NaN, infinity) is text."""
    return {
        "model": comparison.model,
        "from": _side(comparison.before),
        "to": _side(comparison.after),
        "metrics": [_metric(pair, comparison) for pair in comparison.metrics],
        "params": [_pair(pair, "param") for pair in comparison.params],
        "datasets": [_pair(pair, "dataset") for pair in comparison.datasets],
        "data": [_pair(pair, "path") for pair in comparison.data],
        "signature": _signature(comparison),
        "libraries": [_pair(pair, "library") for pair in comparison.libraries],
        "same": dict(comparison.same_counts),
        "prompt": _prompt(comparison),
    }


def _side(side: Facts) -> dict[str, Any]:
    version, file, record = side.version, side.file, side.record
    return {
        "version": version.number,
        "holds": list(side.stages),
        "status": version.status or None,
        "digest": version.digest,
        "registered": version.created,
        "run_id": version.run_id,
        "model_id": version.model_id,
        "source": version.source and shown_source(version.source),
        "code_commit": record.code_commit if record else None,
        "size": file.size if file else None,
        "python": file.python if file else None,
        "recorded": {"run": record is not None, "artifacts": file is not None},
        "unread": list(dict.fromkeys(side.unread.values())),
    }


def _metric(pair: MetricPair, comparison: Comparison) -> dict[str, Any]:
    return {
        "metric": pair.key,
        "dataset": pair.dataset._asdict() if pair.dataset else None,
        "from": _metric_value(pair, pair.before),
        "to": _metric_value(pair, pair.after),
        "delta": _metric_value(pair, pair.delta),
        "comparable": pair.key not in comparison.incomparable_metrics,
    }


def _metric_value(pair: MetricPair, value: float | None) -> Any:
    return MASK if pair.is_secret and value is not None else _number(value)


def _signature(comparison: Comparison) -> dict[str, Any] | None:
    if comparison.signature is None:
        return None
    return {
        "compatible": not comparison.breaking,
        "changes": [
            {"detail": change.detail, "breaks": change.breaks} for change in comparison.signature
        ],
    }


def _prompt(comparison: Comparison) -> dict[str, Any] | None:
    if comparison.rewording is None:
        return None
    return {
        "diff": list(comparison.rewording.lines),
        "settings": [_pair(pair, "setting") for pair in comparison.rewording.settings],
    }


def _pair(pair: Pair, key: str) -> dict[str, Any]:
    return {key: pair.key, "from": pair.before, "to": pair.after}


def _number(value: float | None) -> float | str | None:
    return value if value is None or math.isfinite(value) else str(value)
