"""`report`: the audit trail and today's state as one HTML page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from mlflow_gitops.app.audit.departures import departure
from mlflow_gitops.app.audit.holders import holders_declared
from mlflow_gitops.app.audit.recorded_events import event_range, flaws_and_acknowledgements
from mlflow_gitops.app.audit.trail import AuditTrail
from mlflow_gitops.app.forges import web_pages
from mlflow_gitops.app.planning.planned import Planned
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.output import note, steps, warn
from mlflow_gitops.commands.unplanned import file_errors_shown
from mlflow_gitops.core.audit.event_range import EventRange
from mlflow_gitops.core.audit.report.incidents import Incident, incidents
from mlflow_gitops.core.audit.report.lanes import model_lanes
from mlflow_gitops.core.manifests.snapshot import Snapshot
from mlflow_gitops.core.observed.lineage import lineage_of, lineage_text
from mlflow_gitops.core.plan.stage_rows import observed_stages
from mlflow_gitops.core.times import format_datetime
from mlflow_gitops.core.wording import counted
from mlflow_gitops.errors import INVALID, OK, Failure
from mlflow_gitops.render.report import Report, page
from mlflow_gitops.settings import Settings


def run(
    settings: Settings,
    out: Path,
    *,
    offline: bool,
    with_bills: bool = False,
    since: str | None = None,
    until: str | None = None,
) -> int:
    """Write `out`/index.html; with `offline`, without requests to MLflow. `with_bills` adds the
    bills of materials that it links. `since` and `until` limit the tables of events and incidents,
    as they limit `log`. Exits 3 if manifests or
    the policy are invalid. Raises Failure if the file cannot be written."""
    workspace = Workspace(settings)
    progress = steps(settings)
    progress("reading git history and receipts")
    report = _report(settings, workspace, (since, until), offline=offline)

    bills = _bills(workspace, report) if with_bills else {}
    report = replace(report, bills={key: quote(name) for key, (name, _) in bills.items()})

    file = out / "index.html"
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in bills.values():
            (out / name).parent.mkdir(exist_ok=True)
            (out / name).write_bytes(text)
        file.write_text(page(report), encoding="utf-8")
    except OSError as error:
        raise Failure(f"The report could not be written to {file}: {error.strerror}.") from None

    events = counted(
        sum(report.range.contains_event(audited.event) for audited in report.events), "event"
    )
    models = counted(len(report.holders), "model")
    note(settings, f"Wrote {file}: {events} of {models}.")
    if report.plan is None or not report.plan.errors:
        return OK
    errors = counted(len(report.plan.errors), "error")
    warn(f"The manifests have {errors}; run mlflow-gitops validate to see them.")
    return INVALID


def _bills(workspace: Workspace, report: Report) -> dict[tuple[str, int], tuple[str, bytes]]:
    """The path and text of the bill of each version that holds a stage by git."""
    from mlflow_gitops.app.audit.export.pinned_bills import pinned_bills

    manifests = workspace.at(report.commit).manifests if report.commit else {}
    bills = {}
    for holders in report.holders:
        versions = {number for numbers in holders.stages.values() for number in numbers}
        if holders.model in manifests:
            texts = pinned_bills(workspace, manifests[holders.model], versions)
            for number, (name, text) in texts.items():
                bills[holders.model, number] = f"boms/{name}", text
    return bills


def _report(
    settings: Settings,
    workspace: Workspace,
    limits: tuple[str | None, str | None],
    *,
    offline: bool,
) -> Report:
    """`limits` are the values of --since and --until."""
    trail = AuditTrail(workspace)
    chosen = event_range(trail, *limits) if limits != (None, None) else EventRange()
    events = trail.audit(trail.events)
    index = len(trail.line.shas) - 1
    commit = trail.line.shas[index]
    snapshot = workspace.at(commit)
    made_from = {
        (name, version): lineage_text(lineage_of(spec))
        for name, manifest in snapshot.manifests.items()
        for version, spec in manifest.versions.items()
    }

    departures = {
        timeline.model: removal
        for timeline in trail.timelines
        if (removal := departure(trail, timeline, index)) is not None
    }
    plan, registry, remaining = None, None, {}
    if not offline:
        planned, registry, recorded = _read_mlflow(settings, workspace, snapshot, commit)
        made_from |= recorded
        plan = planned.plan
        remaining = {
            name: observed_stages(model)
            for name, model in planned.observed.items()
            if name in departures
        }

    return Report(
        departures=departures,
        remaining=remaining,
        title=workspace.top.name,
        at=format_datetime(settings.now()),
        commit=commit,
        events=events,
        lanes=model_lanes(events, list(snapshot.policy.for_model("").stages)),
        holders=holders_declared(trail, index),
        incidents=_incidents(trail, chosen),
        hints=[*trail.hints(), *_limits_shown(*limits)],
        range=chosen,
        made_from=made_from,
        plan=plan,
        registry=registry,
        pages=web_pages(workspace.git),
    )


def _incidents(trail: AuditTrail, chosen: EventRange) -> list[Incident]:
    every_incident = incidents(
        trail.ledger.receipts, *flaws_and_acknowledgements(trail, trail.receipts)
    )
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
    words = [f"since {since}" if since else "", f"until {until}" if until else ""]
    limits = " ".join(word for word in words if word)
    return [f"The tables of events and incidents show those {limits}; the timelines are whole."]


def _read_mlflow(
    settings: Settings, workspace: Workspace, snapshot: Snapshot, commit: str
) -> tuple[Planned, str, dict[tuple[str, int], str]]:
    """Compare MLflow with the main line's tip: the plan, MLflow's address, and what each version in
    a stage was made from, by model and version."""
    from mlflow_gitops.app.connect import connect
    from mlflow_gitops.app.lineage import origins
    from mlflow_gitops.app.planning.planner import Planner
    from mlflow_gitops.app.planning.target import Target

    target = Target.of_commit(workspace, snapshot, commit)
    with file_errors_shown(workspace, target):
        registry = connect(workspace, warn)
        planned = Planner(workspace, registry, target).plan((), steps(settings))

    versions_in_stages = {
        name: {
            version
            for stage, versions in manifest.stages.items()
            if stage != "Archived"
            for version in versions
        }
        for name, manifest in snapshot.manifests.items()
    }
    recorded = origins(
        registry,
        {name: versions for name, versions in versions_in_stages.items() if versions},
        lambda name: snapshot.manifests[name].versions,
        warn,
    )
    texts = {key: lineage_text(made_from) for key, made_from in recorded.items()}
    return planned, registry.display_uri, texts
