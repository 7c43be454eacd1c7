"""What happened lately, for the top of the report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mlflow_gitops.core.audit.report.incidents import Incident
from mlflow_gitops.core.audit.trail import AuditedEvent
from mlflow_gitops.core.times import format_time, parse_time

DAYS = 30
_SECOND = len("2026-01-31T12:00:00")


@dataclass(frozen=True, slots=True)
class Activity:
    """The last days before a report. Each mapping has a model's number of changes of a stage, of
    changes with an overridden gate, of healed drifts, and of refusals and failures."""

    since: str
    changed: dict[str, int]
    overridden: dict[str, int]
    drifted: dict[str, int]
    refused: dict[str, int]

    def marks(self, model: str) -> list[str]:
        """The words by which the report filters its models."""
        counts = {
            "changed": self.changed,
            "override": self.overridden,
            "drift": self.drifted,
            "refused": self.refused,
        }
        return [mark for mark, by_model in counts.items() if model in by_model]


def activity(
    events: Iterable[AuditedEvent], incidents: Sequence[Incident], at: str, days: int = DAYS
) -> Activity:
    """What happened in the days before `at`, RFC 3339."""
    since = format_time(parse_time(at).timestamp() - days * 86_400)
    changes = [
        record
        for record in events
        if record.event.kind == "stage" and _is_since(record.event.commit.at, since)
    ]
    recent = [incident for incident in incidents if _is_since(incident.at, since)]
    return Activity(
        since,
        _count(record.event.model or "" for record in changes),
        _count(record.event.model or "" for record in changes if record.overrides),
        _count(incident.model for incident in recent if incident.kind == "drift"),
        _count(incident.model for incident in recent if incident.kind in ("refused", "failed")),
    )


def _is_since(time: str, since: str) -> bool:
    return time[:_SECOND] >= since[:_SECOND]


def _count(models: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for model in models:
        counts[model] = counts.get(model, 0) + 1
    return counts
