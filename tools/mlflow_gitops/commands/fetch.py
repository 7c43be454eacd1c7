"""`fetch`: downloads the files of the version that holds a stage, and keeps only those that git
pins."""

from __future__ import annotations

import re
from pathlib import Path

from mlflow_gitops.app.file_lists import FileLists
from mlflow_gitops.app.serving.fetching import fetch_version
from mlflow_gitops.app.serving.resolving import resolve_stage
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.byte_progress import byte_progress
from mlflow_gitops.commands.output import note, print_result, warn
from mlflow_gitops.core.observed.resolved import Resolved
from mlflow_gitops.edges.system.cache import kept_list
from mlflow_gitops.edges.system.limits.unwinding import unwound_by_signals
from mlflow_gitops.errors import OK, UsageFailure
from mlflow_gitops.render import formats
from mlflow_gitops.settings import Settings


def run(
    settings: Settings, model: str, stage: str, folder: Path, form: str, *, effective: bool
) -> int:
    """Put the files of the version that holds a stage into `folder`, and print which one it is.
    Exits 4, and leaves nothing, if they are not the files that git pins."""
    from mlflow_gitops.app.connect import connect

    workspace = Workspace(settings.git_alone)
    resolved = resolve_stage(workspace, model, stage, effective=effective)
    progress = byte_progress(settings, f"Fetching {model} {resolved.version}")
    with unwound_by_signals(), progress as report:
        find_list = FileLists(workspace).find
        is_new = fetch_version(
            lambda: connect(workspace, warn), resolved, folder, report, find_list
        )

    return _report(settings, resolved, folder, form, is_new=is_new)


def run_pinned(
    settings: Settings, model: str, version: int, digest: str, folder: Path, form: str
) -> int:
    """Put the files of a version into `folder`, if they have this digest. Git is not read: the
    digest was read there when it was written down."""
    from mlflow_gitops.edges.mlflow.registry import Registry

    if not re.fullmatch("sha256:[0-9a-f]{64}", digest):
        raise UsageFailure(f"--digest takes sha256: and 64 hex digits, not {digest!r}.")
    resolved = Resolved(model, "", version, f"models:/{model}/{version}", digest, None, "", "")

    def connect() -> Registry:
        return Registry(
            settings.tracking_uri, settings.registry_uri, warn, patience=settings.patience
        )

    progress = byte_progress(settings, f"Fetching {model} {version}")
    with unwound_by_signals(), progress as report:
        is_new = fetch_version(connect, resolved, folder, report, kept_list)
    return _report(settings, resolved, folder, form, is_new=is_new)


def _report(
    settings: Settings, resolved: Resolved, folder: Path, form: str, *, is_new: bool
) -> int:
    print_result(formats.RESOLVE, form, resolved)
    if is_new:
        note(settings, f"{folder} has the files that git pins.")
    else:
        note(settings, f"{folder} has these files already.")
    return OK
