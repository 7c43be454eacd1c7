"""Find files of this program that nothing reads (`validate`, `doctor`)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.setup.misplaced_files import RegistryLayout, misplaced_files
from mlflow_gitops.core.yaml.problems import Problem
from mlflow_gitops.errors import Failure, GitFailure


def misplaced(workspace: Workspace, files: Iterable[str] | None = None) -> list[Problem]:
    """The problems of files in the working tree that nothing reads: in the registry folder, and in
    the folders above it; with `files`, only of these, without a look at the others. None if
    the list of environments cannot be read, which is an error of its own."""
    if not (workspace.top / workspace.root).is_dir():
        return []
    try:
        environments = workspace.environments.values()
    except (Failure, GitFailure):
        return []
    folders = [environment.folder for environment in environments]
    layout = RegistryLayout(workspace.root, folders or [workspace.registry])
    if files is not None:
        looked_at = [path for path in files if _is_looked_at(path, workspace.root)]
        return list(
            misplaced_files(looked_at, layout, lambda path: os.path.lexists(workspace.top / path))
        )
    paths = set(_paths(workspace.top, workspace.root))
    return list(misplaced_files(paths, layout, paths.__contains__))


def _paths(top: Path, root: str) -> Iterator[str]:
    """The files of the registry folder, and those of the folders above it."""
    for folder, _, names in os.walk(top / root):
        relative = Path(folder).relative_to(top).as_posix()
        yield from (f"{relative}/{name}" for name in names)
    for parent in PurePosixPath(root).parents:
        prefix = "" if str(parent) == "." else f"{parent}/"
        with os.scandir(top / parent) as entries:
            yield from (f"{prefix}{entry.name}" for entry in entries if entry.is_file())


def _is_looked_at(path: str, root: str) -> bool:
    """Whether a path is one of `_paths`."""
    return path.startswith(f"{root}/") or PurePosixPath(path).parent in PurePosixPath(root).parents
