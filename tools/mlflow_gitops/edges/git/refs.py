"""Opening a repository, and what names lead to: revisions, branches, the main branch, remotes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from mlflow_gitops.edges.git.command import UNSAFE_FOLDER, GitCommand
from mlflow_gitops.errors import GitFailure

T = TypeVar("T", bound="Refs")

_MAIN_NAMES = ("main", "master")


class Refs(GitCommand):
    """The refs and remotes of one repository."""

    @classmethod
    def find(cls: type[T], start: Path) -> T:
        """Return the repository that contains `start`. Raises GitFailure if there is none."""
        start_folder = cls(start)
        try:
            top = start_folder._run(
                "rev-parse",
                "--show-toplevel",
                failure=f"{start} is not in a git repository that can be read",
            )
        except GitFailure as failure:
            in_work_tree = start_folder._run("rev-parse", "--is-inside-work-tree", check=False)
            if in_work_tree.strip() == b"false":
                raise GitFailure(
                    f"{start} is a bare git repository or a .git folder; mlflow-gitops works in a"
                    " checkout with files."
                ) from None
            if failure.code == UNSAFE_FOLDER:
                raise GitFailure(
                    failure.message,
                    fix="Trust it with: git config --global --add safe.directory FOLDER",
                    code=UNSAFE_FOLDER,
                ) from None
            raise
        return cls(Path(os.fsdecode(top.removesuffix(b"\n"))))

    def has_commits(self) -> bool:
        return self._is_commit("HEAD")

    def resolve(self, revision: str) -> str:
        """Return the full id of the commit that a revision names.

        Raises GitFailure if it names none.
        """
        if revision == "HEAD" and not self.has_commits():
            raise GitFailure(f"{self.top} has no commits yet. Commit the manifests first.")

        sha = self.query("rev-parse", "--verify", "-q", "--end-of-options", revision + "^{commit}")
        if not sha or sha.startswith("^"):  # `^REV` means every commit except those of REV
            raise GitFailure(f"git knows no revision {revision!r}. Fetch it, or name another.")
        return sha

    def main_ref(self, requested: str | None) -> str:
        """Return the main branch (RULES R1).

        It is the requested branch, the remote's HEAD, the remote's `main` or `master`, or without a
        remote the local branch. A branch is preferred to a tag of the same name, which git itself
        would take first. Raises GitFailure if the main branch is not known.
        """
        if requested is not None:
            self.resolve(requested)
            branches = [f"refs/{kind}/{requested}" for kind in ("heads", "remotes")]
            return self._first_commit_ref(branches) or requested

        remote = self.remote()
        if remote is None:
            local = [f"refs/heads/{name}" for name in _MAIN_NAMES]
            return self.branch() or self._first_commit_ref(local) or "HEAD"

        candidates = [f"refs/remotes/{remote}/{name}" for name in ("HEAD", *_MAIN_NAMES)]
        main = self._first_commit_ref(candidates)
        if main is None:
            raise GitFailure(
                f"The main branch of {remote} is not known here.",
                fix=f"Run git fetch {remote} (git push -u {remote} HEAD if the remote is still"
                " empty), or name it with --main.",
            )
        return main

    def remote(self) -> str | None:
        """Return the remote of the main branch: `origin`, else the first one; None if there is
        none."""
        remotes = self._text("remote").split()
        if "origin" in remotes:
            return "origin"
        return remotes[0] if remotes else None

    def fetch(self, should_stop: Callable[[], bool] = lambda: False) -> None:
        """Fetch the branches of the main branch's remote; do nothing if there is no remote.

        Raises GitFailure if that fails, if the remote stalls, or once `should_stop` returns True.
        """
        from mlflow_gitops.core.audit.receipts import NOTES_REF  # slow to load, not needed to read

        remote = self.remote()
        if remote is None:
            return

        # `Notes` merges receipts. A clone that is configured to fetch all notes would replace ours
        # by those of the remote.
        without_receipts = ("-c", f"remote.{remote}.fetch=^{NOTES_REF}")
        options = ("--quiet", "--no-tags", "--no-write-fetch-head")
        self.exchange(
            *without_receipts, "fetch", *options, remote,
            failure="git fetch failed", should_stop=should_stop,
        )  # fmt: skip

    def ref(self, name: str) -> str | None:
        """Return the id that a ref points at; None if the ref does not exist."""
        return self.query("rev-parse", "--verify", "-q", name) or None

    def branch(self) -> str | None:
        """Return the branch that is checked out; None if HEAD is detached."""
        return self.query("symbolic-ref", "-q", "--short", "HEAD") or None

    def move_ref(self, name: str, new: str, old: str | None) -> bool:
        """Move a ref from `old` (None: it must not exist) to `new`.

        Returns False, without moving it, if the ref no longer points at `old`.
        """
        try:
            self._run("update-ref", "-m", "mlflow-gitops", name, new, old or "")
        except GitFailure:
            return False
        return True

    def _first_commit_ref(self, refs: list[str]) -> str | None:
        """Return the first of these refs that names a commit, in its shortest unambiguous form."""
        for ref in refs:
            if self._is_commit(ref):
                return self._text("rev-parse", "--abbrev-ref=strict", ref) or ref
        return None

    def _is_commit(self, ref: str) -> bool:
        return self.query("rev-parse", "--verify", "-q", ref + "^{commit}") != ""
