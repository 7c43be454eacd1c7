"""A check that MLflow holds: a run that names the files it is about.

`tags_of` and `metrics_of` are what is written, `read_record` reads it again. What was not written
so is no record.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from mlflow_gitops.core.recorded.check_result import VersionCheck

PREFIX = "gitops.check."
DIGEST_TAG = f"{PREFIX}digest"
RUN_TAG = f"{PREFIX}run"
"""The tag of a version that names the run, for people: no gate believes it."""

_AMOUNTS = ("load_seconds", "latency_p50_ms", "latency_p95_ms", "peak_memory_bytes")
_MAX_FAULTS = 5_000
"""Characters of a run's tag that MLflow keeps (3.17)."""


@dataclass(frozen=True, slots=True)
class CheckRecord:
    """What a run says about a version's files. `user` is the one that the run names, `at` its end,
    RFC 3339 in UTC."""

    run_id: str
    user: str
    at: str
    digest: str
    has_passed: bool
    fault: str | None = None
    load_seconds: float | None = None
    latency_p95_ms: float | None = None
    peak_memory_bytes: float | None = None
    data: str | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)


def tags_of(result: VersionCheck) -> dict[str, str]:
    """The tags of the run that records a check."""
    tags = {
        "schema": "1",
        "model": result.model,
        "version": str(result.version),
        "digest": result.digest,
        "at": result.at,
        "outcome": "passed" if result.has_passed else "failed",
        "environment": result.env_manager,
    }
    optional = {
        "python": result.python,
        "mlflow": result.mlflow,
        "data": result.data,
        "faults": "\n".join(result.faults)[:_MAX_FAULTS] or None,
    }
    tags |= {key: value for key, value in optional.items() if value is not None}
    return {f"{PREFIX}{key}": value for key, value in tags.items()}


def metrics_of(result: VersionCheck) -> dict[str, float]:
    """The metrics of the run: the policy's under their own names."""
    amounts = {f"{PREFIX}{name}": getattr(result, name) for name in _AMOUNTS}
    measured = {key: float(value) for key, value in amounts.items() if value is not None}
    return {**result.metrics, **measured}


def record_of(result: VersionCheck) -> CheckRecord:
    """The record that a result would be."""
    metrics = metrics_of(result)
    record = read_record("", "", result.at, tags_of(result), metrics)
    assert record is not None
    return record


def read_record(
    run_id: str, user: str, at: str, tags: Mapping[str, str], metrics: Mapping[str, float]
) -> CheckRecord | None:
    """The record that a run is; None if it is none."""
    if tags.get(f"{PREFIX}schema") != "1" or DIGEST_TAG not in tags:
        return None
    finite = {key: value for key, value in metrics.items() if math.isfinite(value)}
    return CheckRecord(
        run_id,
        user,
        at,
        tags[DIGEST_TAG],
        tags.get(f"{PREFIX}outcome") == "passed",
        tags.get(f"{PREFIX}faults"),
        finite.get(f"{PREFIX}load_seconds"),
        finite.get(f"{PREFIX}latency_p95_ms"),
        finite.get(f"{PREFIX}peak_memory_bytes"),
        tags.get(f"{PREFIX}data"),
        {key: value for key, value in finite.items() if not key.startswith(PREFIX)},
    )
