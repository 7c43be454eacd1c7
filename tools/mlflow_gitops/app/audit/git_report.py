"""What the report shows by git and the receipts, without MLflow."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import partial

from mlflow_gitops.app.audit.departures import departure
from mlflow_gitops.app.audit.holders import holders_declared
from mlflow_gitops.app.audit.recorded_events import (
    event_range,
    flaws_and_acknowledgements,
    last_name,
)
from mlflow_gitops.app.audit.trail import AuditTrail
from mlflow_gitops.app.forges import web_pages
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.audit.event_range import EventRange
from mlflow_gitops.core.audit.report.incidents import Incident, incidents
from mlflow_gitops.core.audit.report.lanes import model_lanes
from mlflow_gitops.core.manifests.snapshot import Snapshot
from mlflow_gitops.core.observed.lineage import lineage_of, lineage_text
from mlflow_gitops.core.times import format_datetime
from mlflow_gitops.errors import GitFailure
from mlflow_gitops.render.report.values import Report


def git_report(workspace: Workspace, since: str | None = None, until: str | None = None) -> Report:
    """The report of the main line's tip. `since` and `until` limit its tables, as they limit
    `log`."""
    trail = AuditTrail(workspace)
    chosen = event_range(trail, since, until) if since or until else EventRange()
    events = trail.audit(trail.events)
    index = len(trail.line.shas) - 1
    commit = trail.line.shas[index]
    snapshot = workspace.at(commit)
    departures = {
        timeline.model: removal
        for timeline in trail.timelines
        if (removal := departure(trail, timeline, index)) is not None
    }
    pages = web_pages(workspace.git)
    return Report(
        title=(pages.repository if pages else "") or workspace.top.name,
        at=format_datetime(workspace.settings.now()),
        commit=commit,
        events=events,
        lanes=model_lanes(events, list(snapshot.policy.for_model("").stages)),
        holders=holders_declared(trail, index),
        incidents=_incidents(trail, chosen),
        hints=[*trail.hints(), *_limits_shown(since, until)],
        made_from=_pinned_origins(trail, snapshot),
        departures=departures,
        range=chosen,
        pages=pages,
        owners={name: manifest.owners for name, manifest in snapshot.manifests.items()},
        environment=workspace.environment.name if workspace.environment else None,
        environments=_environments(workspace, commit),
    )


def _pinned_origins(trail: AuditTrail, snapshot: Snapshot) -> dict[tuple[str, int], str]:
    """What versions were made from, by the pins of today, and by those of the commit that put a
    version into a stage where today's manifest pins it no more."""
    texts = {}
    for timeline in trail.timelines:
        for event in timeline.events:
            desired = timeline.desired_at(event.index) if event.enters else None
            if desired is None:
                continue
            for version in event.enters:
                if spec := desired.manifest.versions.get(version):
                    texts[timeline.model, version] = lineage_text(lineage_of(spec))
    for name, manifest in snapshot.manifests.items():
        for version, spec in manifest.versions.items():
            texts[name, version] = lineage_text(lineage_of(spec))
    return texts


def _environments(workspace: Workspace, commit: str) -> dict[str, list[str]]:
    """By model: the environments whose folder has a manifest of it at a commit."""
    if workspace.environment is None:
        return {}
    environments: dict[str, list[str]] = {}
    for name in workspace.environments:
        neighbour = Workspace(replace(workspace.settings, environment=name))
        with suppress(GitFailure):  # a new environment has no folder yet
            for model in neighbour.at(commit).manifests:
                environments.setdefault(model, []).append(name)
    return environments


def _incidents(trail: AuditTrail, chosen: EventRange) -> list[Incident]:
    found_flaws, lines = flaws_and_acknowledgements(trail, trail.receipts)
    every_incident = incidents(trail.ledger.receipts, found_flaws, lines, partial(last_name, trail))
    index = trail.line.index
    return [
        incident
        for incident in every_incident
        if chosen.contains_recorded(index[incident.commit], incident.at)
    ]


def _limits_shown(since: str | None, until: str | None) -> list[str]:
    """A sentence about what the tables leave out."""
    if (since, until) == (None, None):
        return []
    bounds = [f"since {since}" if since else "", f"until {until}" if until else ""]
    limits = " ".join(bound for bound in bounds if bound)
    return [f"The tables of events and incidents show those {limits}; the timelines are whole."]
