"""What the policy says of live health: `health` of a stage's rule (RULES R13)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, NamedTuple

from mlflow_gitops.core.health.verdict import SourceKind
from mlflow_gitops.core.times import parse_duration

OnFailure = Literal["propose", "report"]

DEFAULT_WINDOW = "24h"
DEFAULT_EVERY = "5m"
SOURCES: tuple[SourceKind, ...] = ("prometheus", "metric", "tag")


class ValueSource(NamedTuple):
    """Where a value comes from: the template of a PromQL query, or the key of a metric or tag.
    `newer_than` is how old a metric or tag may be, as the policy writes it."""

    kind: SourceKind | None
    text: str
    newer_than: str | None = None


class CheckRule(NamedTuple):
    """One check: a value's bounds, and how many looks in a row beyond them make it unhealthy.
    `every` is the time between two looks at Prometheus; None if the policy sets none."""

    source: ValueSource
    min: float | None = None
    max: float | None = None
    failures: int = 1
    every: str | None = None

    @property
    def interval(self) -> timedelta:
        return parse_duration(self.every or DEFAULT_EVERY)

    def is_within(self, value: float) -> bool:
        """Whether a value is within the bounds."""
        is_enough = self.min is None or value >= self.min
        return is_enough and (self.max is None or value <= self.max)


@dataclass(frozen=True, slots=True)
class HealthRule:
    """The health of one stage: its checks by name, and how long and by how many samples a version
    is watched before it counts as healthy. `samples` is None if the policy does not count them."""

    checks: Mapping[str, CheckRule]
    window: str = DEFAULT_WINDOW
    minimum_samples: int = 0
    samples: ValueSource | None = None
    on_failure: OnFailure = "report"

    @property
    def window_length(self) -> timedelta:
        return parse_duration(self.window)


def read_health_rule(fields: Mapping[str, Any]) -> HealthRule:
    """The rule that the fields of `health` describe. They have passed the schema and hold no
    nulls."""
    checks = {name: _check(check) for name, check in (fields.get("checks") or {}).items()}
    samples = fields.get("samples")
    return HealthRule(
        checks=checks,
        window=fields.get("window") or DEFAULT_WINDOW,
        minimum_samples=fields.get("minimum_samples") or 0,
        samples=_source(samples) if samples is not None else None,
        on_failure=fields.get("on_failure") or "report",
    )


def _check(fields: Mapping[str, Any]) -> CheckRule:
    return CheckRule(
        _source(fields),
        fields.get("min"),
        fields.get("max"),
        fields.get("failures") or 1,
        fields.get("every"),
    )


def _source(fields: Mapping[str, Any]) -> ValueSource:
    """The one source that the fields name. Its kind is None if they name none or several, which is
    a fault (`rule_faults.py`)."""
    named = [kind for kind in SOURCES if fields.get(kind) is not None]
    if len(named) != 1:
        return ValueSource(None, "", fields.get("newer_than"))
    return ValueSource(named[0], fields[named[0]], fields.get("newer_than"))
