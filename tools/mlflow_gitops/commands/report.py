"""`report`: the audit trail and today's state as HTML pages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from mlflow_gitops.app.audit.git_report import git_report
from mlflow_gitops.app.planning.planned import Planned
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.output import note, steps, warn
from mlflow_gitops.commands.unplanned import file_errors_shown
from mlflow_gitops.core.manifests.snapshot import Snapshot
from mlflow_gitops.core.observed.lineage import lineage_text
from mlflow_gitops.core.plan.stage_rows import observed_stages
from mlflow_gitops.core.wording import counted
from mlflow_gitops.edges.system.pages.folder import write_pages
from mlflow_gitops.errors import INVALID, OK
from mlflow_gitops.render.report.page_names import FOLDER, INDEX
from mlflow_gitops.render.report.pages import GENERATOR, report_pages
from mlflow_gitops.render.report.values import Report
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
    """Write `out`/index.html and the page of each model; with `offline`, without requests to
    MLflow. `with_bills` adds the bills of materials that they link. `since` and `until` limit the
    tables of events and incidents, as they limit `log`. Exits 3 if manifests or the policy are
    invalid. Raises Failure if a file cannot be written."""
    workspace = Workspace(settings)
    progress = steps(settings)
    progress("reading git history and receipts")
    report = git_report(workspace, since, until)
    if not offline:
        report = _with_mlflow(settings, workspace, report)

    bills = _bills(workspace, report) if with_bills else {}
    report = replace(report, bills={key: quote(name) for key, (name, _) in bills.items()})
    progress("writing the pages")
    write_pages(out, _files(report, dict(bills.values())), FOLDER, GENERATOR)

    events = counted(len(report.shown_events), "event")
    models = counted(len(report.holders), "model")
    note(settings, f"Wrote {out / INDEX}: {events} of {models}.")
    if report.plan is None or not report.plan.errors:
        return OK
    errors = counted(len(report.plan.errors), "error")
    warn(f"The manifests have {errors}; run mlflow-gitops validate to see them.")
    return INVALID


def _files(report: Report, bills: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """What links to a file comes after it, and the index last."""
    yield from bills.items()
    for path, html in report_pages(report):
        yield path, html.encode("utf-8")


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


def _with_mlflow(settings: Settings, workspace: Workspace, report: Report) -> Report:
    """The report with what MLflow shows: its plan, and what it recorded of each version in a
    stage."""
    commit = report.commit or ""
    snapshot = workspace.at(commit)
    planned, address, recorded = _read_mlflow(settings, workspace, snapshot, commit)
    remaining = {
        name: observed_stages(model)
        for name, model in planned.observed.items()
        if name in report.departures
    }
    return replace(
        report,
        plan=planned.plan,
        registry=address,
        remaining=remaining,
        made_from={**report.made_from, **recorded},
    )


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
