"""The files that ship with the package: schemas, the sample registry, GitHub's files, constraints.

A wheel has them in `_shared/`. In a checkout they are the top-level files themselves, so that each
exists once.
"""

from __future__ import annotations

from pathlib import Path


def shared_path(name: str) -> Path:
    """Return the path of `schemas`, `registry`, `.github` or `constraints.txt`.

    Raises FileNotFoundError if it is missing, which means a damaged installation.
    """
    package = Path(__file__).resolve().parent
    for candidate in (package / "_shared" / name, package.parent.parent / name):
        if candidate.exists():
            return candidate
    raise FileNotFoundError(f"{name} is missing in the installation; install mlflow-gitops again")
