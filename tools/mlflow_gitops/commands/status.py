"""`status`: where each model stands, at a glance."""

from __future__ import annotations

from collections.abc import Sequence

from mlflow_gitops.app.planning.planner import Planner
from mlflow_gitops.app.planning.target import Target
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.output import emit, emit_json, note, report_invalid, steps, warn
from mlflow_gitops.errors import CHANGES, OK
from mlflow_gitops.render import plan_json, plan_markdown, plan_text
from mlflow_gitops.render.terminal import Style
from mlflow_gitops.settings import Settings


def run(settings: Settings, models: Sequence[str], exit_code: bool, form: str) -> int:
    """Compare MLflow with HEAD. With `exit_code`, 2 unless every managed model is Synced and
    nothing is refused."""
    workspace = Workspace(settings)
    head = workspace.git.resolve("HEAD")
    snapshot = workspace.at(head)
    if snapshot.errors:
        return report_invalid(snapshot, form)
    from mlflow_gitops.app.connect import connect

    progress = steps(settings)
    progress("loading MLflow")
    registry = connect(workspace, warn)
    target = Target.of_commit(workspace, snapshot, head)
    plan = Planner(workspace, registry, target).plan(models, progress).plan
    if form == "json":
        emit_json(plan_json.status(plan))
    elif form == "markdown":
        emit(plan_markdown.status(plan))
    else:
        emit(plan_text.status(plan, Style()))
        if workspace.dirty_paths():
            note(
                settings,
                "The working tree has uncommitted changes; this compares MLflow with HEAD.",
            )
    unsettled = any(model.sync != "Synced" or model.refusals for model in plan.models)
    return CHANGES if exit_code and unsettled else OK
