"""A checkout with a registry folder: which commit is meant, and what it says.

This knows git and files; `planning` adds MLflow.
"""

from __future__ import annotations

from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path, PurePosixPath

from mlflow_gitops.core.history import Line
from mlflow_gitops.core.problems import in_order
from mlflow_gitops.core.snapshot import Snapshot, build, classify, schema_copy_problems
from mlflow_gitops.edges import files
from mlflow_gitops.edges.git import Git
from mlflow_gitops.errors import GitFailure, UsageFailure
from mlflow_gitops.settings import Settings


def now_utc(precision: str = "seconds") -> str:
    """This moment, RFC 3339 in UTC."""
    return datetime.now(timezone.utc).isoformat(timespec=precision).replace("+00:00", "Z")


class Workspace:
    """One repository and the registry folder in it."""

    def __init__(self, settings: Settings) -> None:
        start = (settings.repo or Path.cwd()).resolve()
        if not start.is_dir():
            raise UsageFailure(f"There is no folder {settings.repo}.")
        try:
            self._git: Git | None = Git.find(start)
        except GitFailure as error:
            self._git, self._git_error = None, error
        # A named folder is taken at its word; otherwise the registry folder stands at the repository's top.
        self.top = self._git.top if self._git else start
        anchor = start if settings.repo is not None else self.top
        folder = PurePosixPath(anchor.relative_to(self.top.resolve()).as_posix(), settings.registry_dir)
        if folder.is_absolute() or ".." in folder.parts or folder == PurePosixPath("."):
            raise UsageFailure(f"--registry-dir must be a folder inside the repository, not {settings.registry_dir!r}.")
        self.registry = folder.as_posix()
        self._settings = settings

    @property
    def git(self) -> Git:
        """The repository; raises GitFailure where there is none."""
        if self._git is None:
            raise self._git_error
        return self._git

    @cached_property
    def main_ref(self) -> str:
        return self.git.main_ref(self._settings.main)

    @cached_property
    def main_line(self) -> dict[str, int]:
        """The commits of the main line and their places on it, from the oldest."""
        return {sha: i for i, sha in enumerate(self.git.first_parents(self.main_ref))}

    def tree(self) -> Snapshot:
        """The working tree's snapshot, with warnings about schema copies that differ."""
        snapshot = build(files.registry_files(self.top, self.registry), self.registry)
        snapshot.problems = in_order([*snapshot.problems, *schema_copy_problems(files.schema_copies(self.top))])
        return snapshot

    def at(self, commit: str) -> Snapshot:
        """A commit's snapshot, straight from git's objects."""
        return build(self.git.files_at(commit, self.registry), self.registry)

    def dirty_paths(self) -> list[str]:
        """Manifests and policy that differ from HEAD in the working tree."""
        return [path for path in self.git.dirty_paths(self.registry) if classify(path, self.registry)]

    def owner(self, line: Line) -> str | None:
        """`<root commit>:<registry folder>`, what marks a model as this repository's.

        None in a shallow clone, which does not know its root.
        """
        if not line.shas:
            return f"uncommitted:{self.registry}"
        return None if self.git.is_shallow() else f"{line.shas[0]}:{self.registry}"
