"""Who deleted or renamed the manifest of a model, and what MLflow still had by the receipts."""

from __future__ import annotations

from mlflow_gitops.app.audit.trail import AuditTrail
from mlflow_gitops.core.audit.departures import Departure, departing_event
from mlflow_gitops.core.audit.events import ModelTimeline
from mlflow_gitops.core.audit.stage_holders import applied_holders


def departure(trail: AuditTrail, timeline: ModelTimeline, index: int) -> Departure | None:
    """The commit since which a model has no manifest at a commit of the line; None if it has one,
    or never had one before."""
    event = departing_event(timeline, index, trail.line, trail.histories.renames)
    if event is None:
        return None

    [audited] = trail.audit([event])
    if event.renamed is not None:
        return Departure(audited, {})
    receipts = (
        receipt for receipt in trail.ledger.receipts if trail.line.index[receipt.commit] <= index
    )
    remaining = applied_holders(timeline, trail.line, receipts)
    return Departure(audited, remaining.stages if remaining else {})
