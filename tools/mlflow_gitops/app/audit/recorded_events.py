"""The events of the audit trail that only receipts record."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from mlflow_gitops.app.audit.record.acknowledged import read_acknowledgements
from mlflow_gitops.app.audit.record.contradicted import contradictions_in_clone
from mlflow_gitops.app.audit.trail import AuditTrail, may_have_signers
from mlflow_gitops.core.audit.event_range import EventRange
from mlflow_gitops.core.audit.events import Event
from mlflow_gitops.core.audit.receipts import Receipt
from mlflow_gitops.core.audit.record.acknowledgements import Acknowledgement
from mlflow_gitops.core.audit.record.flaws import Flaw, flaws
from mlflow_gitops.core.audit.record.recorded_events import drift_events, flaw_events
from mlflow_gitops.core.history.line.reused_names import later_stem
from mlflow_gitops.core.manifests.names import file_stem, model_of


def recorded_events(
    trail: AuditTrail, receipts: Sequence[Receipt], since: str | None, until: str | None
) -> list[Event]:
    """Drift and flaws between two times or revisions. A time means that of the receipt, a revision
    the commit that the receipt is about. `receipts` are all that this clone has."""
    index = trail.line.index
    is_about = partial(present_name, trail)
    events = list(drift_events(trail.ledger.receipts, index, is_about, partial(last_name, trail)))
    found_flaws, lines = flaws_and_acknowledgements(trail, receipts)
    events += flaw_events(found_flaws, index, is_about, lines)
    if (since, until) == (None, None) or not events:
        return events
    chosen = event_range(trail, since, until)
    return [event for event in events if chosen.contains_event(event)]


def event_range(trail: AuditTrail, since: str | None, until: str | None) -> EventRange:
    """The range between two times or revisions; None sets no limit. Raises UsageFailure and
    GitFailure."""
    start, end = trail.moments.index_range(since, until)
    first, last = _seconds(trail, since, first=True), _seconds(trail, until, first=False)
    return EventRange(start, end, first, last)


def present_name(trail: AuditTrail, model: str, index: int) -> str | None:
    """The present name of the model that had a name at a commit of the line; None if the trail is
    not about it."""
    for timeline in trail.timelines:
        if timeline.is_about(model, index):
            return timeline.model
    return model if trail.model is None else None


def last_name(trail: AuditTrail, model: str, receipt: Receipt) -> str:
    """The last name of the model that a receipt calls by a name."""
    index = trail.line.index[receipt.commit]
    return model_of(later_stem(trail.histories.renames, file_stem(model), index))


def flaws_and_acknowledgements(
    trail: AuditTrail, receipts: Sequence[Receipt]
) -> tuple[list[Flaw], list[Acknowledgement]]:
    """The flaws of this environment's receipts, and the lines in commits that acknowledge any."""
    own_digests = {receipt.digest for receipt in trail.ledger.receipts}
    contradictions = contradictions_in_clone(trail.workspace, receipts, trail.line)
    found_flaws = [
        flaw for flaw in flaws(receipts, contradictions) if flaw.receipt.digest in own_digests
    ]
    if may_have_signers(trail):
        found_flaws += trail.signers.flaws(trail.ledger.receipts)
    digests = (flaw.receipt.digest for flaw in found_flaws)
    return found_flaws, read_acknowledgements(trail.workspace.git, trail.line.shas[-1], digests)


def _seconds(trail: AuditTrail, moment: str | None, *, first: bool) -> float | None:
    """The first or last second of a time; None for a revision, or for no limit."""
    span = trail.moments.span(moment) if moment is not None else None
    if span is None:
        return None
    return span.first if first else span.last
