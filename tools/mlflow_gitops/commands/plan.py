"""`plan`: what would change in MLflow, and why."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mlflow_gitops.app.planning.options import PlanOptions
from mlflow_gitops.app.planning.planner import Planner
from mlflow_gitops.app.planning.target import Target
from mlflow_gitops.app.workspace import Merge, Workspace
from mlflow_gitops.commands.output import note, note_for_people, print_result, steps, warn
from mlflow_gitops.commands.unplanned import file_errors_shown
from mlflow_gitops.core.manifests.snapshot import Snapshot
from mlflow_gitops.core.plan.plan import Plan
from mlflow_gitops.errors import CHANGES, INVALID, OK, REFUSED, worst
from mlflow_gitops.render import formats
from mlflow_gitops.render.plan.text import PlanOutput
from mlflow_gitops.settings import Settings


def run(
    settings: Settings,
    models: Sequence[str],
    rev: str | None,
    onto: str | None,
    out: Path | None,
    *,
    prune: bool,
    detailed_exitcode: bool,
    form: str,
) -> int:
    """Plan the working tree, a revision, or a revision as merged into `onto`. Exits 4 if anything
    is refused, 3 if files of the planned models are invalid; the other models are planned all the
    same."""
    workspace = Workspace(settings)
    merge = workspace.merge(rev or "HEAD", onto) if onto is not None else None
    commit = workspace.git.resolve(rev) if rev is not None else None
    snapshot = _snapshot(workspace, commit, merge)
    if models:
        from mlflow_gitops.commands.model_globs import named_models

        models = named_models(models, snapshot.contents, workspace.registry)
    if merge and rev is None and workspace.dirty_paths():
        note(settings, "Planned the merge of HEAD, without uncommitted changes.")
    plan = _plan(settings, workspace, _target(workspace, snapshot, commit, merge), models, prune)
    if merge is not None:
        from mlflow_gitops.app.environments.hosts import changed_hosts

        for sentence in changed_hosts(workspace, merge.commit, merge.name):
            warn(sentence)
    if out is not None:
        from mlflow_gitops.app import saved_plan

        saved_plan.save(plan, out, models, prune)
        note(settings, f"Saved the plan to {out}.")

    if plan.commit is None:
        remark = "Planned from the working tree, which has uncommitted changes; reconcile takes"
        note_for_people(settings, form, f"{remark} commits only.")
    print_result(formats.PLAN, form, PlanOutput(plan, with_unchanged=settings.verbosity > 0))

    summary = plan.summary
    return worst(
        INVALID if plan.errors else OK,
        REFUSED if summary["refused"] else OK,
        CHANGES if detailed_exitcode and summary["changes"] else OK,
    )


def _snapshot(workspace: Workspace, commit: str | None, merge: Merge | None) -> Snapshot:
    if merge is not None:
        return workspace.at(merge.commit)
    return workspace.at(commit) if commit is not None else workspace.tree()


def _target(
    workspace: Workspace, snapshot: Snapshot, commit: str | None, merge: Merge | None
) -> Target:
    if merge is not None:
        return Target.of_merge(workspace, snapshot, merge)
    if commit is not None:
        return Target.of_commit(workspace, snapshot, commit)
    return Target.of_tree(workspace, snapshot)


def _plan(
    settings: Settings, workspace: Workspace, target: Target, models: Sequence[str], prune: bool
) -> Plan:
    from mlflow_gitops.app.connect import connect

    progress = steps(settings)
    progress("loading MLflow")
    with file_errors_shown(workspace, target, models):
        registry = connect(workspace, warn)
        planner = Planner(workspace, registry, target, PlanOptions(prune=prune))
        planned = planner.plan(models, progress)
    progress("comparing versions")
    return planner.compared(planned)
