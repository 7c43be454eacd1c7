"""Models without a manifest: since which commit, by whom, and what MLflow still had by the
receipts."""

from __future__ import annotations

from dataclasses import dataclass

from mlflow_gitops.core.audit.events import Event, EventKind, ModelTimeline, Stages
from mlflow_gitops.core.audit.trail import AuditedEvent
from mlflow_gitops.core.history.line.renames import Renames
from mlflow_gitops.core.history.mainline import MainLine
from mlflow_gitops.core.manifests.names import model_of


@dataclass(frozen=True, slots=True)
class Departure:
    """The commit that deleted or renamed a model's manifest, as an audited event. `remaining` are
    the stages that the receipts up to then say MLflow still held; empty for a renamed model."""

    audited: AuditedEvent
    remaining: Stages

    @property
    def renamed_to(self) -> str | None:
        """The model's new name; None if it was deleted."""
        renamed = self.audited.event.renamed
        return renamed[1] if renamed else None


def departing_event(
    timeline: ModelTimeline, index: int, line: MainLine, renames: Renames
) -> Event | None:
    """The commit, up to one of the line, since which a model has no manifest; None if it has one,
    or had none before."""
    earlier = [moment for moment in timeline.moments if moment.index <= index]
    if not earlier or earlier[-1].desired is not None or earlier[-1].fault is not None:
        return None
    is_missing = [moment.desired is None and moment.fault is None for moment in earlier]
    first = len(is_missing)
    while first and is_missing[first - 1]:
        first -= 1
    if first == 0:
        return None

    moment, stem = earlier[first], timeline.periods[-1].stem if timeline.periods else None
    commit = line.commits[line.shas[moment.index]]
    new = renames.renamed_away(stem).get(moment.index) if stem else None
    names = (timeline.model, model_of(new)) if new else None
    kind: EventKind = "renamed" if names else "deleted"
    return Event(kind, moment.index, commit, timeline.model, stem=stem, renamed=names)
