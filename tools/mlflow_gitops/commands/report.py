"""`report`: the audit trail and today's state as one HTML page."""

from __future__ import annotations

from pathlib import Path

from mlflow_gitops.commands.output import note, steps, warn
from mlflow_gitops.core.manifest import VersionSpec
from mlflow_gitops.core.plan import Plan
from mlflow_gitops.core.report import incidents, lanes
from mlflow_gitops.errors import OK, Failure
from mlflow_gitops.render.report import Report, page
from mlflow_gitops.settings import Settings
from mlflow_gitops.trail import Trail
from mlflow_gitops.workspace import Workspace, now_utc


def run(settings: Settings, out: Path, *, offline: bool) -> int:
    """Write `out`/index.html. With `offline`, MLflow is not asked. Raises Failure where it cannot be written."""
    workspace = Workspace(settings)
    progress = steps(settings)
    progress("reading git history and receipts")
    trail = Trail(workspace)
    told = trail.tell(trail.events)
    place = len(trail.line.shas) - 1
    snapshot = workspace.at(trail.line.shas[place])
    plan, registry = (None, None) if offline else _plan(settings, workspace, trail.line.shas[place])
    order = list(snapshot.policy.for_model("").stages)
    report = Report(
        title=workspace.top.name,
        at=now_utc(),
        commit=trail.line.shas[place],
        told=told,
        lanes=lanes(told, order),
        standings=trail.standings(place),
        incidents=incidents(trail.ledger.receipts),
        hints=trail.hints(),
        made_from={
            (name, version): _made_from(spec)
            for name, manifest in snapshot.manifests.items()
            for version, spec in manifest.versions.items()
        },
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
    note(settings, f"Wrote {file}: {len(told)} events of {len(report.standings)} models.")
    return OK


def _plan(settings: Settings, workspace: Workspace, commit: str) -> tuple[Plan, str]:
    """What MLflow holds against the main line's tip."""
    from mlflow_gitops.edges.mlflow import Registry
    from mlflow_gitops.planning import Planner

    registry = Registry(settings.tracking_uri, settings.registry_uri, warn)
    snapshot = workspace.at(commit)
    if snapshot.errors:
        raise Failure(
            "The manifests have errors (mlflow-gitops validate), so MLflow cannot be compared; say --offline."
        )
    return Planner(workspace, registry, snapshot, commit).plan((), steps(settings)), registry.shown


def _made_from(spec: VersionSpec) -> str:
    """What a manifest pins a version to, in words."""
    data = f"data {spec.data.path} (md5 {spec.data.md5})" if spec.data else None
    digest = f"dataset digest {spec.dataset_digest}" if spec.dataset_digest else None
    run = f"run {spec.run_id}" if spec.run_id else None
    return ", ".join(part for part in (run, data, digest, spec.source) if part)


def _home(workspace: Workspace) -> str | None:
    from mlflow_gitops.edges.github import repository_of

    repository = repository_of(workspace.git)
    return f"https://github.com/{repository}" if repository else None
