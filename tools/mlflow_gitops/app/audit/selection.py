"""Which events of an audit trail a command shows."""

from __future__ import annotations

from collections.abc import Sequence

from mlflow_gitops.app.audit.trail import AuditTrail
from mlflow_gitops.core.audit.events import Event, in_order
from mlflow_gitops.core.audit.trail import AuditedEvent
from mlflow_gitops.core.manifests.names import NATIVE_STAGES
from mlflow_gitops.core.manifests.policy import matches
from mlflow_gitops.core.wording import did_you_mean
from mlflow_gitops.errors import UsageFailure


def select_events(
    trail: AuditTrail, stage: str | None, since: str | None, until: str | None
) -> list[Event]:
    """The events of a stage, between two times or revisions; None sets no limit. Raises
    UsageFailure for a stage that never existed."""
    start, end = 0, len(trail.line.shas)
    if (since, until) != (None, None):
        start, end = trail.moments.index_range(since, until)
    if stage is not None and stage not in (stages := _stages(trail)):
        raise _unknown_stage(stage, stages)

    events = [event for event in trail.events if start <= event.index < end]
    if trail.receipts:
        from mlflow_gitops.app.audit.recorded_events import recorded_events

        events = in_order([*events, *recorded_events(trail, trail.receipts, since, until)])
    return [event for event in events if stage is None or event.stage == stage]


def events_of_models(trail: AuditTrail, events: Sequence[Event], glob: str) -> list[Event]:
    """The events of the models that a glob matches. Raises UsageFailure if it matches none that
    ever had a manifest."""
    if not any(matches(timeline.model, glob) for timeline in trail.timelines):
        raise UsageFailure(f"No model that ever had a manifest on the main line matches {glob}.")
    return [event for event in events if event.model is not None and matches(event.model, glob)]


def written_by(events: Sequence[AuditedEvent], author: str) -> list[AuditedEvent]:
    """The events whose author or co-author matches, by any part of the name or address, ignoring
    case."""
    part = author.lower()
    return [
        event
        for event in events
        if any(part in person.lower() for person in (event.people.author, *event.people.co_authors))
    ]


def approved_by(events: Sequence[AuditedEvent], approver: str) -> list[AuditedEvent]:
    """The events with an approver that matches, by any part of the name, ignoring case."""
    part = approver.lower()
    return [
        event
        for event in events
        if any(part in person.lower() for person in event.people.approved_by)
    ]


def _stages(trail: AuditTrail) -> set[str]:
    """Every stage that exists now, or that an event is about."""
    latest = (timeline.moments[-1].desired for timeline in trail.timelines)
    declared = {stage for desired in latest if desired for stage in desired.policy.stages}
    return {*NATIVE_STAGES, *declared, *(event.stage for event in trail.events if event.stage)}


def _unknown_stage(stage: str, stages: set[str]) -> UsageFailure:
    hint = did_you_mean(stage, stages) or f"the stages are {', '.join(sorted(stages))}."
    return UsageFailure(f"There is no stage {stage}; {hint}")
