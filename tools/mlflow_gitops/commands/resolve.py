"""`resolve`: which version holds a stage, from git alone."""

from __future__ import annotations

from mlflow_gitops.app.serving.resolving import resolve_stage
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.output import print_result
from mlflow_gitops.errors import OK
from mlflow_gitops.render import formats
from mlflow_gitops.settings import Settings


def run(settings: Settings, model: str, stage: str, form: str, *, effective: bool) -> int:
    """Print the version that holds a stage by git or, with `effective`, by the receipts."""
    resolved = resolve_stage(Workspace(settings.git_alone), model, stage, effective=effective)
    print_result(formats.RESOLVE, form, resolved)
    return OK
