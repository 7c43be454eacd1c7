"""Health in receipts (RULES R6, R14): how the version did that a run took out of a stage."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # `log` only reads receipts
    from mlflow_gitops.core.health.verdict import HealthVerdict

_STATES = ("healthy", "unhealthy", "waiting", "unknown")
_LONGEST = 1_000
"""Characters of one text: a query may be long."""


@dataclass(frozen=True, slots=True)
class RecordedHealth:
    """How a version did in a stage when a run took it out, as its receipt records it. `entered` is
    when a reconcile had put it there, `at` the moment of the verdict (RFC 3339, UTC)."""

    stage: str
    version: int
    state: str
    reason: str
    entered: str = ""
    at: str = ""

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        return f"{self.version} was {self.state} in {self.stage}: {self.reason}"


def stored_health(verdict: HealthVerdict) -> dict[str, Any]:
    """A verdict as a receipt holds it: what was measured, with the queries."""
    checks = [
        {
            "name": check.name,
            "state": check.state,
            "value": check.value,
            "limit": check.limit,
            "failures": check.failures,
            "query": check.query[:_LONGEST],
            "reason": check.reason[:_LONGEST],
        }
        for check in verdict.checks
    ]
    return {
        "stage": verdict.stage,
        "version": verdict.version,
        "state": verdict.state,
        "reason": verdict.reason[:_LONGEST],
        "entered": verdict.entered,
        "window_end": verdict.window_end,
        "at": verdict.at,
        "samples": verdict.samples,
        "checks": checks,
    }


def recorded_health(entries: Iterable[Mapping[str, Any]]) -> list[RecordedHealth]:
    """What a receipt's `health` says. Anybody who can push receipts can write anything into them:
    an entry of another form is left out."""
    read = []
    for entry in entries:
        stage, version, state = (entry.get(key) for key in ("stage", "version", "state"))
        if isinstance(stage, str) and type(version) is int and state in _STATES:
            texts = [entry.get(key) for key in ("reason", "entered", "at")]
            reason, entered, at = (text if isinstance(text, str) else "" for text in texts)
            read.append(RecordedHealth(stage, version, state, reason, entered, at))
    return read
