"""`status`: how each model in MLflow compares with git, at a glance."""

from __future__ import annotations

from collections.abc import Sequence

from mlflow_gitops.app.planning.planner import Planner
from mlflow_gitops.app.planning.target import Target
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.output import note_for_people, print_result, steps, warn
from mlflow_gitops.commands.unplanned import file_errors_shown
from mlflow_gitops.errors import CHANGES, INVALID, OK, worst
from mlflow_gitops.render import formats
from mlflow_gitops.settings import Settings


def run(settings: Settings, models: Sequence[str], exit_code: bool, form: str) -> int:
    """Compare MLflow with HEAD. Exits 3 if files are invalid. With `exit_code`, exits 2 unless
    every managed model is Synced and nothing is refused."""
    workspace = Workspace(settings)
    head = workspace.git.resolve("HEAD")
    snapshot = workspace.at(head)
    if models:
        from mlflow_gitops.commands.model_globs import named_models

        models = named_models(models, snapshot.contents, workspace.registry)
    from mlflow_gitops.app.connect import connect

    progress = steps(settings)
    progress("loading MLflow")
    target = Target.of_commit(workspace, snapshot, head)
    with file_errors_shown(workspace, target, models):
        registry = connect(workspace, warn)
        plan = Planner(workspace, registry, target).plan(models, progress).plan

    print_result(formats.STATUS, form, plan)
    if workspace.dirty_paths():
        remark = "The working tree has uncommitted changes; this compares MLflow with HEAD."
        note_for_people(settings, form, remark)

    has_differences = any(model.sync != "Synced" or model.refusals for model in plan.models)
    return worst(
        INVALID if plan.errors else OK,
        CHANGES if exit_code and has_differences else OK,
    )
