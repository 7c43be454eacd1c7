"""`demo`: the whole workflow on an embedded MLflow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from mlflow_gitops.edges.system.extras import has_extra
from mlflow_gitops.errors import OK, Failure
from mlflow_gitops.installation import install_command
from mlflow_gitops.settings import Settings


def run(settings: Settings, folder: Path, command_line: Callable[[Sequence[str]], int]) -> int:
    """Run the demo in `folder`. `command_line` runs one command and returns its exit code.

    The global options are ignored: the demo has its own repository and its own MLflow. Raises
    Failure if what it trains with is not installed.
    """
    del settings
    if not (has_extra("sql") and has_extra("demo")):
        raise Failure(
            "The demo trains models on an MLflow of its own, which needs full MLflow and"
            " scikit-learn.",
            fix=f"Run: {install_command('demo')}",
        )
    from mlflow_gitops.demo.story import Demo

    Demo(folder, command_line).run()
    return OK
