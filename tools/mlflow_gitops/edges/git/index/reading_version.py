"""Which program read what an index has of manifests: another one may read them differently."""

from __future__ import annotations

from functools import cache
from hashlib import blake2b
from pathlib import Path

import mlflow_gitops.core
from mlflow_gitops.shared import shared_path

_FOLDERS = ("manifests", "yaml")
"""The folders of `core/` whose modules decide what a manifest declares; those of `core/` itself do,
too."""


@cache
def reading_version() -> str:
    """A digest of the source code that reads manifests, and of their schema. Empty if there is no
    source code: nothing is remembered then."""
    core = Path(mlflow_gitops.core.__file__).parent
    digest = blake2b(digest_size=16)
    try:
        folders = (core, *(core / name for name in _FOLDERS))
        files = sorted(file for folder in folders for file in folder.glob("*.py"))
        for file in files:
            digest.update(f"{file.relative_to(core)}\0".encode())
            digest.update(blake2b(file.read_bytes()).digest())
        digest.update((shared_path("schemas") / "model.schema.json").read_bytes())
    except (OSError, ValueError):
        return ""
    return digest.hexdigest() if files else ""
