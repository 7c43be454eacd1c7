"""The files that ship with the package: schemas, the sample registry, GitHub's files, constraints.

In a wheel they stand in `_shared/`; in a checkout they are the top-level files themselves, so there
is one source.
"""

from __future__ import annotations

from pathlib import Path


def shared_path(name: str) -> Path:
    """Return the packaged `schemas`, `registry`, `.github` or `constraints.txt`, else the
    checkout's.

    Raises FileNotFoundError if neither is there, which means a damaged installation.
    """
    here = Path(__file__).resolve().parent
    for candidate in (here / "_shared" / name, here.parent.parent / name):
        if candidate.exists():
            return candidate
    raise FileNotFoundError(f"the installation lacks its {name}; install mlflow-gitops again")
