"""The health of versions as gauges for Prometheus (RULES R13)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import get_args

from prometheus_client import CollectorRegistry, Gauge

from mlflow_gitops.core.health.verdict import HealthState, HealthVerdict


class HealthGauges:
    """What the last look at health came to. With more than `most` versions there are only counts.
    `is_known` is false if there was no look, or the last one failed: no series exists then."""

    def __init__(self, registry: CollectorRegistry, most: int) -> None:
        self._most = most
        self._counts = Gauge(
            "mlflow_gitops_watched_versions",
            "Versions whose health is watched, by its state",
            ["state"],
            registry=registry,
        )
        self._single = Gauge(
            "mlflow_gitops_model_health",
            "1 for the state of health that a version has in a stage",
            ["model", "stage", "version", "state"],
            registry=registry,
        )
        self.is_known = False

    def record(self, verdicts: Sequence[HealthVerdict]) -> None:
        """Show these verdicts and no others."""
        self.forget()
        counts = Counter(verdict.state for verdict in verdicts)
        for state in get_args(HealthState):
            self._counts.labels(state).set(counts[state])

        if len(verdicts) <= self._most:
            for verdict in verdicts:
                version = str(verdict.version)
                self._single.labels(verdict.model, verdict.stage, version, verdict.state).set(1)
        self.is_known = True

    def forget(self) -> None:
        """Show nothing: health is not known, or nothing is watched."""
        self._counts.clear()
        self._single.clear()
        self.is_known = False
