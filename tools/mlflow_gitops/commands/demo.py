"""`demo`: the whole workflow on an embedded MLflow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from mlflow_gitops.errors import OK
from mlflow_gitops.settings import Settings


def run(settings: Settings, folder: Path, command_line: Callable[[Sequence[str]], int]) -> int:
    """Run the demo in `folder`. `command_line` runs one command and returns its exit code.

    The global options are ignored: the demo has its own repository and its own MLflow.
    """
    del settings
    from mlflow_gitops.demo.story import Demo

    Demo(folder, command_line).run()
    return OK
