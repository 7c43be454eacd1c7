"""The global options, as every command gets them.

A module of its own, so that `--help` loads nothing that it does not need.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """The global options. With `repo=None`, the repository of the current folder is used."""

    repo: Path | None = None
    registry_dir: str = "registry"
    main: str | None = None
    tracking_uri: str | None = None
    registry_uri: str | None = None
    verbosity: int = 0
    environment: str | None = None
    """A name from `environments.yaml` in the registry folder. It selects a folder below it and an
    MLflow server."""
