"""`demo`: the whole story on an embedded MLflow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from mlflow_gitops.errors import OK
from mlflow_gitops.settings import Settings


def run(settings: Settings, folder: Path, command_line: Callable[[Sequence[str]], int]) -> int:
    """Tell the story in `folder` by `command_line`, which runs one and gives its exit code. The
    global options do not matter: the story has its own repository and its own MLflow."""
    del settings
    from mlflow_gitops.demo.story import Story

    Story(folder, command_line).tell()
    return OK
