"""Why a version left a stage, if health says so: from the receipt of the run that took it out
(RULES R6, R14)."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mlflow_gitops.core.audit.trail import AuditedEvent

if TYPE_CHECKING:
    from mlflow_gitops.core.health.recorded_health import RecordedHealth


def left_health(audited: AuditedEvent) -> list[RecordedHealth]:
    """How the versions did that the event took out of its stage, as far as a receipt records it."""
    if audited.run is None:
        return []
    of_run = audited.run.recorded.health
    return [recorded for recorded in of_run if recorded.stage == audited.event.stage]


def health_data(audited: AuditedEvent) -> list[dict[str, Any]]:
    """The `health` of an event (DESIGN §5)."""
    return [asdict(recorded) for recorded in left_health(audited)]


def unhealthy_sentences(audited: AuditedEvent) -> list[str]:
    """A sentence about each version that was unhealthy when it left. It is not safe to print yet:
    anybody who can push receipts can write anything into them."""
    recorded = left_health(audited)
    return [health.sentence for health in recorded if health.state == "unhealthy"]
