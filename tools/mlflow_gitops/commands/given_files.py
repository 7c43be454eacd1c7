"""The files that `validate PATH…` was given: where they are, and which of them it checks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.setup.codeowners import LOCATIONS
from mlflow_gitops.errors import UsageFailure


def split(workspace: Workspace, paths: Sequence[Path]) -> tuple[set[str], list[Path]]:
    """The files in the registry folder and CODEOWNERS, as paths in the repository, and all
    others."""
    folder = (workspace.top / workspace.registry).resolve()
    inside: set[str] = set()
    outside: list[Path] = []
    for path in paths:
        if not path.exists() and not path.is_symlink():
            raise UsageFailure(f"There is no {path}.")
        for file in files_of(path):
            absolute = resolved(file)
            if absolute.is_relative_to(folder):
                relative = Path(workspace.registry) / absolute.relative_to(folder)
                inside.add(relative.as_posix())
            elif is_codeowners(workspace, file):
                inside.add(absolute.relative_to(workspace.top.resolve()).as_posix())
            else:
                outside.append(file)
    return inside, outside


def is_codeowners(workspace: Workspace, file: Path) -> bool:
    """Whether a file is in a place in which GitHub looks for owners."""
    top = workspace.top.resolve()
    return any(resolved(file) == top / location for location in LOCATIONS)


def resolved(file: Path) -> Path:
    """The file's absolute path. A symbolic link is checked where it is, not where it points to."""
    return file.parent.resolve() / file.name


def files_of(path: Path) -> list[Path]:
    """The path itself, or the YAML files in a folder."""
    if not path.is_dir() or path.is_symlink():
        return [path]
    return [file for file in sorted(path.rglob("*")) if file.suffix in (".yaml", ".yml")]
