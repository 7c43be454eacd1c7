"""Everything that the report shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mlflow_gitops.core.audit.departures import Departure
from mlflow_gitops.core.audit.event_range import EventRange
from mlflow_gitops.core.audit.events import Stages
from mlflow_gitops.core.audit.report.incidents import Incident
from mlflow_gitops.core.audit.report.lanes import Lane
from mlflow_gitops.core.audit.stage_holders import StageHolders
from mlflow_gitops.core.audit.trail import AuditedEvent
from mlflow_gitops.core.history.web_pages import WebPages
from mlflow_gitops.core.plan.plan import ModelPlan, Plan


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that the pages show.

    `made_from` describes the origin of a version, by model and version, and `bills` has the path of
    its bill of materials. `plan` and `registry` are None if MLflow was not read. `pages` are those
    of the repository on its forge, None if it is on none.
    """

    title: str
    at: str
    commit: str | None
    events: Sequence[AuditedEvent]
    lanes: Mapping[str, Sequence[Lane]]
    holders: Sequence[StageHolders]
    incidents: Sequence[Incident]
    hints: Sequence[str]
    made_from: Mapping[tuple[str, int], str]
    departures: Mapping[str, Departure] = field(default_factory=dict)
    """By model: who deleted or renamed its manifest, if it has none."""
    remaining: Mapping[str, Stages] = field(default_factory=dict)
    """What holds stages in MLflow of models without a manifest, if MLflow was read."""
    range: EventRange = field(default_factory=EventRange)
    """Which events and incidents the tables show. Timelines are always whole."""
    plan: Plan | None = None
    registry: str | None = None
    pages: WebPages | None = None
    bills: Mapping[tuple[str, int], str] = field(default_factory=dict)
    owners: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By model: the people and teams that its manifest names."""
    environment: str | None = None
    environments: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By model: the environments that have a manifest of it, if the repository has several."""

    @property
    def models(self) -> list[str]:
        """Every model that the report is about, by name."""
        planned = [plan.model for plan in self.plan.models] if self.plan else []
        held = [holders.model for holders in self.holders]
        return sorted({*held, *self.lanes, *planned})

    @property
    def shown_events(self) -> list[tuple[int, AuditedEvent]]:
        """The events of the tables, with their position among all, the newest first."""
        shown = [
            (index, audited)
            for index, audited in enumerate(self.events)
            if self.range.contains_event(audited.event)
        ]
        return shown[::-1]

    def plans(self) -> dict[str, ModelPlan]:
        """The plan of each model; none if MLflow was not read."""
        return {plan.model: plan for plan in self.plan.models} if self.plan else {}
