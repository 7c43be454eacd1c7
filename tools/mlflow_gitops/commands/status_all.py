"""`status --all-envs`: which environment has which version, copied from which."""

from __future__ import annotations

from collections.abc import Sequence

from mlflow_gitops.app.environments.all_statuses import all_statuses
from mlflow_gitops.app.environments.copied_versions import copied_versions
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.output import print_result, steps
from mlflow_gitops.errors import CHANGES, OK, worst
from mlflow_gitops.render import formats
from mlflow_gitops.render.environments.status import EnvironmentMatrix
from mlflow_gitops.settings import Settings


def run(settings: Settings, models: Sequence[str], exit_code: bool, form: str) -> int:
    """Print the status of every environment. The exit code is the worst of theirs; with
    `exit_code`, it is 2 unless every managed model is Synced."""
    workspace = Workspace(settings, all_environments=True)
    steps(settings)("reading every environment")
    statuses = all_statuses(workspace)
    origins = {status.name: copied_versions(settings, status.name) for status in statuses}

    matrix = EnvironmentMatrix(statuses, origins, models)
    print_result(formats.STATUS_ALL, form, matrix)
    is_synced = all(
        cell["sync"] in ("Synced", "Unmanaged") and not cell["refusals"]
        for cells in matrix.cells.values()
        for cell in cells.values()
    )
    codes = [status.exit_code for status in statuses]
    return worst(*codes, CHANGES if exit_code and not is_synced else OK)
