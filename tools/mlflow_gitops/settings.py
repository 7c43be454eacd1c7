"""The global options, as every command gets them. Apart from all else, so that `--help` loads
nothing it does not need."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """The global options. `repo` None means: the repository that the current folder lies in."""

    repo: Path | None = None
    registry_dir: str = "registry"
    main: str | None = None
    tracking_uri: str | None = None
    registry_uri: str | None = None
    verbosity: int = 0
    environment: str | None = None
    """One of `environments.yaml` in the registry folder: which folder below it is meant, and which
    MLflow."""
