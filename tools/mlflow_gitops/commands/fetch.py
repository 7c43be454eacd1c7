"""`fetch`: downloads the files of the version that holds a stage, and keeps only those that git
pins."""

from __future__ import annotations

from pathlib import Path

from mlflow_gitops.app.file_lists import FileLists
from mlflow_gitops.app.serving.fetching import fetch_version
from mlflow_gitops.app.serving.resolving import resolve_stage
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.byte_progress import byte_progress
from mlflow_gitops.commands.output import note, print_result, warn
from mlflow_gitops.errors import OK
from mlflow_gitops.render import formats
from mlflow_gitops.settings import Settings


def run(
    settings: Settings, model: str, stage: str, folder: Path, form: str, *, effective: bool
) -> int:
    """Put the files of the version that holds a stage into `folder`, and print which one it is.
    Exits 4, and leaves nothing, if they are not the files that git pins."""
    from mlflow_gitops.app.connect import connect

    workspace = Workspace(settings)
    resolved = resolve_stage(workspace, model, stage, effective=effective)
    with byte_progress(settings, f"Fetching {model} {resolved.version}") as report:
        find_list = FileLists(workspace).find
        is_new = fetch_version(
            lambda: connect(workspace, warn), resolved, folder, report, find_list
        )

    print_result(formats.RESOLVE, form, resolved)
    if is_new:
        note(settings, f"{folder} has the files that git pins.")
    else:
        note(settings, f"{folder} has these files already.")
    return OK
