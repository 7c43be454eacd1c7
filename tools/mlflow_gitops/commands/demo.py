"""`demo`: the whole story on an embedded MLflow."""

from __future__ import annotations

from pathlib import Path

from mlflow_gitops.errors import OK
from mlflow_gitops.settings import Settings


def run(settings: Settings, folder: Path) -> int:
    """Tell the story in `folder`. The global options do not matter: it has its own repository and its own MLflow."""
    del settings
    from mlflow_gitops.demo.story import Story

    Story(folder).tell()
    return OK
