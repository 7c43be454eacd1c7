"""What every command is given: the global options, the clock, and how long to wait for others.

Kept apart from everything else, so that `--help` loads nothing that it does not need.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

REGISTRY_DIR = "registry"
"""The registry folder, unless another is set."""

SETTINGS_FILE = ".mlflow-gitops.toml"
"""The repository's own settings, at its top."""

PYPROJECT = "pyproject.toml"
"""Where they may be instead, in the table `[tool.mlflow-gitops]`."""

RECEIPTS_BRANCH = "mlflow-gitops/receipts"
"""The branch that keeps receipts, unless another is set."""


class Patience(NamedTuple):
    """How long to wait for servers, stores and other processes, in seconds, and how often to try.
    Tests pass shorter ones."""

    answer: float = 6.0
    """A request to an MLflow server may take this long before the server is probed for being
    alive."""
    probe: float = 4.0
    """A server that is alive answers anything at all within this time."""
    given_up: float = 30.0
    """No request is sent to a server for this long after it was given up: a run over many models
    must not wait for it once for each model."""
    read_backoff: int = 1
    """The pause before MLflow's client retries a read; twice as long before the second retry."""
    shared_read: float = 2.0
    """How long the models that are written side by side wait for a slow one before they are read
    together, without it."""
    write_pauses: tuple[float, ...] = (1.0, 2.0, 4.0)
    """The pause before each new try of a model's writes, after a failure that may pass (429, 5xx, a
    lost connection)."""
    forge_pauses: tuple[float, ...] = (0.5, 1.0, 2.0)
    """The pause before each new question to a forge that does not know yet what was pushed, merged
    or set a moment ago."""
    sqlite_lock: float = 5.0
    """How long another process may keep a SQLite file locked."""
    artifacts: float = 8.0
    """How long one version's small files may take: the driver of an object store that is down
    retries for minutes."""
    artifact_files: float = 30.0
    """How long a storage may send little while all files of a version are read."""
    receipt_tries: int = 5
    """How often receipts are written or pushed if other processes do the same at that moment."""


DEFAULT_PATIENCE = Patience()


def utc_now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(timezone.utc)


@dataclass(frozen=True, slots=True)
class Settings:
    """The global options. `repo` None means the repository around the current folder. What is ""
    or None here, the repository's own file may set (`.mlflow-gitops.toml`)."""

    repo: Path | None = None
    registry_dir: str = ""
    main: str | None = None
    tracking_uri: str | None = None
    registry_uri: str | None = None
    verbosity: int = 0
    environment: str | None = None
    """One of `environments.yaml` in the registry folder: it decides which folder below that one is
    meant, and which MLflow."""
    receipts_branch: str = ""
    mlflow_ui: str = ""
    """The address of MLflow's pages for people, `off` for none; empty if it is that of the
    server."""
    github: bool = True
    """Whether the repository is on GitHub, as far as its own file says."""
    index: bool = True
    """Whether the index of the main line in the git directory is read and written."""
    now: Callable[[], datetime] = utc_now
    warn: Callable[[str], None] = lambda text: None
    """Reports what is wrong with the clone and does not stop a command."""
    patience: Patience = DEFAULT_PATIENCE

    @property
    def git_alone(self) -> Settings:
        """The same for a command that trusts no index: one that audits, that names what is
        deployed, or that writes to MLflow or to a forge. Anybody who can write the git directory
        can edit the index."""
        return replace(self, index=False)


@dataclass(slots=True)
class Process:
    """The process that this package is loaded in."""

    is_command: bool = False
    """Whether it is the `mlflow-gitops` command, or one that the command started, and not somebody
    else's program that imports this package."""


THIS_PROCESS = Process()
