"""The folder of the demo, which a later demo may delete."""

from __future__ import annotations

import shutil
from pathlib import Path

from mlflow_gitops.errors import Failure

_MARKER = ".mlflow-gitops-demo"
"""The file that marks a folder as made by the demo."""


def clear_folder(folder: Path) -> None:
    """Delete the folder if an earlier demo made it. Raises Failure for any other folder that is
    not empty."""
    if not folder.exists():
        return

    if not folder.is_dir():
        raise Failure(f"{folder} is not a folder.", fix="Name another one for the demo.")
    if (folder / _MARKER).is_file():
        shutil.rmtree(folder)
    elif any(folder.iterdir()):
        raise Failure(
            f"{folder} is not empty and was not made by the demo.",
            fix="Name another folder.",
        )
    else:
        folder.rmdir()


def mark_folder(folder: Path) -> None:
    """Mark the folder as made by the demo, for the next one to delete."""
    (folder / _MARKER).write_text("Made by mlflow-gitops demo, which may delete this folder.\n")
    git_info = folder / ".git" / "info"
    git_info.mkdir(exist_ok=True)
    (git_info / "exclude").write_text(f"{_MARKER}\n")
