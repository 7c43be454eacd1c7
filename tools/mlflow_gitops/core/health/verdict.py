"""What live health comes to: one check, and all checks of one version in one stage (RULES R13)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

HealthState = Literal["healthy", "unhealthy", "waiting", "unknown"]
"""`waiting`: the window, the samples or the looks in a row are not complete yet. `unknown`: a value
cannot be read, or is none; it is neither healthy nor unhealthy."""

SourceKind = Literal["prometheus", "metric", "tag"]
"""Where a value comes from: Prometheus, a metric of the version's run, or a tag of the version."""


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """One check at one moment.

    `query` is the PromQL as it was sent, or the key of the metric or tag. `limit` is in words
    (`≤ 0.02`). `value` is the newest one; None if there is none. `failures` are the looks in a row,
    up to the newest, that are beyond the limit, and `failures_limit` how many make it unhealthy.
    `at` is the time of the newest value, `failing_since` that of the first of these looks (RFC
    3339, UTC). `reason` is a sentence with the numbers, for every state.
    """

    name: str
    source: SourceKind
    query: str
    limit: str
    state: HealthState
    reason: str
    value: float | None = None
    failures: int = 0
    failures_limit: int = 1
    at: str | None = None
    failing_since: str | None = None


@dataclass(frozen=True, slots=True)
class HealthVerdict:
    """How one version does in the stage that it holds.

    `entered` is when a reconcile put it there, `window_end` when its window is over, `at` the
    moment of the verdict (RFC 3339, UTC). `samples` are those of the window, or of the time since
    the entry while that is shorter; None if no check asks for samples, or they cannot be read.
    `on_failure` is what the policy wants to be done about an unhealthy version.
    """

    model: str
    stage: str
    version: int
    state: HealthState
    reason: str
    entered: str
    window_end: str
    at: str
    checks: tuple[HealthCheck, ...]
    samples: int | None = None
    minimum_samples: int = 0
    samples_query: str | None = None
    samples_fault: str | None = None
    """Why the number of samples is not known."""
    on_failure: Literal["propose", "report"] = "report"
    environment: str | None = None

    @property
    def is_window_over(self) -> bool:
        """Whether the verdict is about a whole window."""
        return self.at >= self.window_end

    @property
    def lacks_samples(self) -> bool:
        """Whether there are too few samples for any verdict."""
        return self.minimum_samples > (self.samples or 0)

    @property
    def failing(self) -> tuple[HealthCheck, ...]:
        """The checks that make the version unhealthy."""
        return tuple(check for check in self.checks if check.state == "unhealthy")
