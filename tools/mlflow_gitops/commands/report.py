"""`report`: the audit trail and today's state as one HTML page."""

from __future__ import annotations

from pathlib import Path

from mlflow_gitops.app.audit import AuditTrail
from mlflow_gitops.app.forges import web_url
from mlflow_gitops.app.workspace import Workspace, now_utc
from mlflow_gitops.commands.output import note, steps, warn
from mlflow_gitops.core.audit.report import incidents, model_lanes
from mlflow_gitops.core.manifests.snapshot import Snapshot
from mlflow_gitops.core.observed.lineage import origin, words
from mlflow_gitops.core.plan.plan import Plan
from mlflow_gitops.core.wording import counted
from mlflow_gitops.errors import OK, Failure, InvalidFiles
from mlflow_gitops.render.report import Report, page
from mlflow_gitops.settings import Settings


def run(settings: Settings, out: Path, *, offline: bool) -> int:
    """Write `out`/index.html. With `offline`, MLflow is not asked. Raises Failure where it cannot
    be written."""
    workspace = Workspace(settings)
    progress = steps(settings)
    progress("reading git history and receipts")
    trail = AuditTrail(workspace)
    told = trail.audit(trail.events)
    place = len(trail.line.shas) - 1
    snapshot = workspace.at(trail.line.shas[place])
    made_from = {
        (name, version): words(origin(spec))
        for name, manifest in snapshot.manifests.items()
        for version, spec in manifest.versions.items()
    }
    plan, registry = None, None
    if not offline:
        plan, registry, known = _asked(settings, workspace, snapshot, trail.line.shas[place])
        made_from |= known
    order = list(snapshot.policy.for_model("").stages)
    report = Report(
        title=workspace.top.name,
        at=now_utc(),
        commit=trail.line.shas[place],
        told=told,
        lanes=model_lanes(told, order),
        standings=trail.declared_holders(place),
        incidents=incidents(trail.ledger.receipts),
        hints=trail.hints(),
        made_from=made_from,
        plan=plan,
        registry=registry,
        home=_home(workspace),
    )
    file = out / "index.html"
    try:
        out.mkdir(parents=True, exist_ok=True)
        file.write_text(page(report), encoding="utf-8")
    except OSError as error:
        raise Failure(f"The report could not be written to {file}: {error.strerror}.") from None
    note(
        settings,
        f"Wrote {file}: {counted(len(told), 'event')} of {counted(len(report.standings), 'model')}.",
    )
    return OK


def _asked(
    settings: Settings, workspace: Workspace, snapshot: Snapshot, commit: str
) -> tuple[Plan, str, dict[tuple[str, int], str]]:
    """What MLflow holds against the main line's tip, where that is, and what the versions in stages
    were made from."""
    from mlflow_gitops.app.connect import connect
    from mlflow_gitops.app.lineage import origins
    from mlflow_gitops.app.planning.planner import Planner
    from mlflow_gitops.app.planning.target import Target

    if snapshot.errors:
        raise InvalidFiles(
            "The manifests have errors (mlflow-gitops validate), so MLflow cannot be compared; say"
            " --offline."
        )
    registry = connect(workspace, warn)
    target = Target.of_commit(workspace, snapshot, commit)
    plan = Planner(workspace, registry, target).plan((), steps(settings)).plan
    held = {
        name: {
            version
            for stage, versions in manifest.stages.items()
            if stage != "Archived"
            for version in versions
        }
        for name, manifest in snapshot.manifests.items()
    }
    known = origins(
        registry,
        {name: versions for name, versions in held.items() if versions},
        lambda name: snapshot.manifests[name].versions,
        warn,
    )
    return plan, registry.display_uri, {key: words(of) for key, of in known.items()}


def _home(workspace: Workspace) -> str | None:
    return web_url(workspace.git)
