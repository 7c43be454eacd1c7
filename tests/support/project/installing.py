"""Installs of this project as others make them, by pip, but quick: what it depends on is lent and
nothing is fetched."""

from __future__ import annotations

import shutil
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
_PARTS = ("pyproject.toml", "constraints.txt", "README.md", "LICENSE", ".pre-commit-hooks.yaml")
_FOLDERS = ("tools", "schemas", "registry", ".github")


def copy_of_the_project(folder: Path) -> Path:
    """Copy the files of this project that an install needs, as they are in the working tree."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in _PARTS:
        shutil.copy(ROOT / name, folder / name)
    for name in _FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def lending(folder: Path) -> dict[str, str]:
    """The variables by which any pip below installs a project alone, built and run with the
    packages of this environment.

    All but mlflow-gitops itself: what is installed must be what runs.
    """
    folder.mkdir(parents=True)
    for package in Path(sysconfig.get_path("purelib")).iterdir():
        if (
            not package.name.startswith(("mlflow_gitops", "_mlflow_gitops", "pip", "__pycache__"))
            and package.suffix != ".pth"
        ):
            (folder / package.name).symlink_to(package)
    return {
        "PYTHONPATH": str(folder),
        "PIP_NO_DEPS": "1",
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_CONFIG_FILE": "/dev/null",
    }
