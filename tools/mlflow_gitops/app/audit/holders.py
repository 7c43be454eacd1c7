"""Which versions held which stage of each model at one moment of the audit trail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from mlflow_gitops.app.audit.line.line_part import LinePart
from mlflow_gitops.app.audit.recorded_events import last_name, present_name
from mlflow_gitops.app.audit.trail import AuditTrail
from mlflow_gitops.core.audit.receipts import Receipt
from mlflow_gitops.core.audit.record.drift import HealedDrift, healed_drift
from mlflow_gitops.core.audit.stage_holders import StageHolders, applied_holders, declared_holders
from mlflow_gitops.core.times import parse_time


def holders_declared(trail: AuditTrail, index: int) -> list[StageHolders]:
    """What git declared after a commit of the line, for each model that had a manifest. If the
    trail begins later than a holder of a stage came, more is read of that model."""
    holders = [
        model
        for timeline in trail.timelines
        if (model := declared_holders(timeline, index)) is not None
    ]
    earlier = [model.model for model in holders if trail.start and _may_be_older(trail, model)]
    if earlier:
        full_trail = AuditTrail(trail.workspace, part=LinePart(names=earlier))
        known_since = {model.model: model for model in holders_declared(full_trail, index)}
        holders = [known_since.get(model.model, model) for model in holders]
    return holders


def _may_be_older(trail: AuditTrail, model: StageHolders) -> bool:
    """Whether a stage may have its holders, or have none, since before the trail begins."""
    positions = (trail.line.index[since.commit] for since in model.since.values())
    is_complete = model.since.keys() == model.stages.keys()
    return not is_complete or any(position < trail.start for position in positions)


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
    drift = _found_later(trail, receipts)
    return [
        replace(model, drift=drift.get(model.model, ())) for model in holders if model is not None
    ]


def last_drift(trail: AuditTrail, model: str, until: str) -> HealedDrift | None:
    """What runs last found moved by hand in a model, under any of its names, up to a time
    (RFC 3339)."""
    end = parse_time(until)
    of_model = [
        drift
        for drift in healed_drift(trail.ledger.receipts, partial(last_name, trail))
        if _present_name(trail, drift.model, drift.receipt) == model
        and parse_time(drift.receipt.at) <= end
    ]
    return of_model[-1] if of_model else None


def _present_name(trail: AuditTrail, model: str, receipt: Receipt) -> str | None:
    return present_name(trail, model, trail.line.index[receipt.commit])


def _found_later(trail: AuditTrail, receipts: Sequence[Receipt]) -> dict[str, list[HealedDrift]]:
    """By model: the drift that the first run after these receipts found. It may have been there at
    the moment already."""
    last = receipts[-1].at if receipts else ""
    found: dict[str, list[HealedDrift]] = {}

    for drift in healed_drift(trail.ledger.receipts, partial(last_name, trail)):
        model = _present_name(trail, drift.model, drift.receipt)
        is_next = drift.receipt.at > last and (drift.right_at is None or drift.right_at <= last)
        if model is not None and is_next:
            found.setdefault(model, []).append(drift)
    return found
