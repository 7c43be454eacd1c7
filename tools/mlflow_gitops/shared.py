"""The files that ship with the package: the schemas and the sample registry.

In a wheel they stand in `_shared/`; in a checkout they are the top-level folders themselves, so there is one source.
"""

from __future__ import annotations

from pathlib import Path


def shared(folder: str) -> Path:
    """Return the packaged `schemas` or `registry` folder, else the checkout's.

    Raises FileNotFoundError if neither is there, which means a damaged installation.
    """
    here = Path(__file__).resolve().parent
    for candidate in (here / "_shared" / folder, here.parent.parent / folder):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"the installation lacks its {folder}/ folder; install mlflow-gitops again")
