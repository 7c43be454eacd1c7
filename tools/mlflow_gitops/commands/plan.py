"""`plan`: what would change in MLflow, and why."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mlflow_gitops.app import saved_plan
from mlflow_gitops.app.planning.options import PlanOptions
from mlflow_gitops.app.planning.planner import Planner
from mlflow_gitops.app.planning.target import Target
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.output import (
    note,
    note_for_people,
    print_result,
    report_invalid,
    steps,
    warn,
)
from mlflow_gitops.errors import CHANGES, OK, REFUSED, worst
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
    """Plan the working tree, a revision, or a revision as merged into `onto`. Exits 4 when anything
    is refused, 3 when files are invalid."""
    workspace = Workspace(settings)
    merge = workspace.merge(rev or "HEAD", onto) if onto is not None else None
    commit = workspace.git.resolve(rev) if rev is not None else None
    snapshot = (
        workspace.at(merge.made) if merge else workspace.at(commit) if commit else workspace.tree()
    )
    if snapshot.errors:
        return report_invalid(snapshot, form)
    from mlflow_gitops.app.connect import connect

    progress = steps(settings)
    progress("loading MLflow")
    registry = connect(workspace, warn)
    plan_options = PlanOptions(prune=prune)
    if merge:
        target = Target.of_merge(workspace, snapshot, merge)
        if rev is None and workspace.dirty_paths():
            note(settings, "Planned the merge of HEAD; what is not committed is not in it.")
    elif commit:
        target = Target.of_commit(workspace, snapshot, commit)
    else:
        target = Target.of_tree(workspace, snapshot)
    planner = Planner(workspace, registry, target, plan_options)
    planned = planner.plan(models, progress)
    progress("comparing versions")
    plan = planner.compared(planned)
    if out is not None:
        saved_plan.save(plan, out, models, prune)
        note(settings, f"Saved the plan to {out}.")
    if plan.commit is None:
        remark = "Planned from the working tree, which has uncommitted changes; reconcile takes"
        note_for_people(settings, form, f"{remark} commits only.")
    print_result(formats.PLAN, form, PlanOutput(plan, with_unchanged=settings.verbosity > 0))

    summary = plan.summary
    return worst(
        REFUSED if summary["refused"] else OK,
        CHANGES if detailed_exitcode and summary["changes"] else OK,
    )
