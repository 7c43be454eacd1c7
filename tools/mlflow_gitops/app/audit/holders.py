"""Which versions held which stage of each model at one moment of the audit trail."""

from __future__ import annotations

from mlflow_gitops.app.audit.trail import AuditTrail
from mlflow_gitops.core.audit.stage_holders import StageHolders, applied_holders, declared_holders
from mlflow_gitops.core.times import parse_time


def holders_declared(trail: AuditTrail, index: int) -> list[StageHolders]:
    """What git declared after a commit of the line, for each model that had a manifest."""
    holders = (declared_holders(timeline, index) for timeline in trail.timelines)
    return [model for model in holders if model is not None]


def holders_applied(trail: AuditTrail, index: int, moment: str | None) -> list[StageHolders]:
    """What MLflow had, by the receipts: by those written up to a time, or, if `moment` is a
    revision or None, by those on commits up to `index`."""
    span = trail.moments.span(moment) if moment is not None else None
    if span is None:
        receipts = [
            receipt
            for receipt in trail.ledger.receipts
            if trail.line.index[receipt.commit] <= index
        ]
    else:
        receipts = [
            receipt
            for receipt in trail.ledger.receipts
            if parse_time(receipt.at).timestamp() <= span.last
        ]
    holders = (applied_holders(timeline, trail.line, receipts) for timeline in trail.timelines)
    return [model for model in holders if model is not None]
