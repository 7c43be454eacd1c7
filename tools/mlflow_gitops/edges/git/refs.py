"""Opening a repository, and what names lead to: revisions, branches, the main branch, remotes."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from mlflow_gitops.edges.git.command import UNSAFE_FOLDER, GitCommand
from mlflow_gitops.edges.git.default_branch import is_gone_since_last_fetch, recorded_default
from mlflow_gitops.edges.git.ref_names import (
    branch_ref,
    check_is_branch_name,
    check_is_unambiguous,
)
from mlflow_gitops.errors import GitFailure

T = TypeVar("T", bound="Refs")

_MAIN_NAMES = ("main", "master")
_REMOTE_PATIENCE = 30.0
"""Seconds that a remote may take to list its branches."""
_LIKE_AN_ID = re.compile("[0-9a-f]{4,64}")


@dataclass(frozen=True, slots=True)
class MainBranch:
    """The main branch by a name that git takes for nothing else; and what is wrong with it, as a
    sentence to report."""

    ref: str
    warning: str = ""


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

        Raises GitFailure if it names none, or two: a tag and a branch of one name.
        """
        if revision == "HEAD" and not self.has_commits():
            raise GitFailure(f"{self.top} has no commits yet. Commit the manifests first.")

        sha = self.query("rev-parse", "--verify", "-q", "--end-of-options", revision + "^{commit}")
        if not sha or sha.startswith("^"):  # `^REV` means every commit except those of REV
            raise GitFailure(f"git knows no revision {revision!r}. Fetch it, or name another.")
        check_is_unambiguous(self, revision, sha)
        return sha

    def main_branch(self, requested: str | None) -> MainBranch:
        """Return the main branch (RULES R1).

        It is the requested branch, the remote's HEAD, the remote's `main` or `master`, or without a
        remote the local branch. A branch is never confused with a tag of the same name, which git
        itself would take first. Raises GitFailure if the main branch is not known, and if the last
        fetch shows that the remote no longer has it.
        """
        remote = self.remote()
        if requested is not None:
            return self.named_branch(requested)
        if remote is not None:
            return self._remote_main(remote)

        current = self.query("symbolic-ref", "-q", "HEAD")
        local = [f"refs/heads/{name}" for name in _MAIN_NAMES]
        ref = current if current.startswith("refs/heads/") else self._first_commit_ref(local)
        return MainBranch(self._shortest(ref) if ref else "HEAD")

    def main_ref(self, requested: str | None) -> str:
        """Return the name of the main branch, which git takes for nothing else."""
        return self.main_branch(requested).ref

    def named_branch(self, requested: str) -> MainBranch:
        """Return the branch that a user names with --main or --onto; a commit id and HEAD are
        allowed as well.

        Raises GitFailure if there is no such branch, even if there is a tag of that name, and if
        two branches have the name.
        """
        ref = branch_ref(self, requested, self.remote())
        if ref is None:
            check_is_branch_name(self, requested)
            self.resolve(requested)
            return MainBranch(requested)

        name = self._shortest(ref)
        remote, branch = self.split_remote(ref)
        if remote is not None and is_gone_since_last_fetch(self, remote, branch):
            return MainBranch(
                name, f"{_absence(remote, branch)} {name} is only what this clone kept."
            )
        return MainBranch(name)

    def split_remote(self, ref: str) -> tuple[str | None, str]:
        """Return the remote of a remote-tracking branch, None for any other ref, and the name that
        the branch has there. The name of a remote may contain slashes."""
        for remote in sorted(self.remotes(), key=len, reverse=True):
            branch = ref.removeprefix(f"refs/remotes/{remote}/")
            if branch != ref:
                return remote, branch
        return None, ref

    def _remote_main(self, remote: str) -> MainBranch:
        """The remote's default branch, or what most likely replaced it."""
        prefix = f"refs/remotes/{remote}/"
        default = recorded_default(self, remote)
        candidates = [prefix + name for name in _MAIN_NAMES]
        if default is None:
            candidates = [ref for ref in candidates if not self._is_gone(remote, ref)]
            main = self._first_commit_ref([f"{prefix}HEAD", *candidates])
            if main is None:
                raise GitFailure(
                    f"The main branch of {remote} is not known here.",
                    fix=f"Run git fetch {remote} (git push -u {remote} HEAD if the remote is still"
                    " empty), or name it with --main.",
                )
            return MainBranch(self._shortest(main))

        exists = self._is_commit(default)
        if exists and not self._is_gone(remote, default):
            return MainBranch(self._shortest(default))

        main = self._first_commit_ref(
            [
                ref
                for ref in candidates
                if ref != default
                and not self._is_gone(remote, ref)
                and (not exists or self._descends(ref, default))
            ]
        )
        absence = _absence(remote, default.removeprefix(prefix))
        if main is None:
            raise GitFailure(
                absence, fix=f"Run {_set_head(remote)}, or name the branch with --main."
            )
        name = self._shortest(main)
        return MainBranch(
            name, f"{absence} Going by {name}; to confirm it, run {_set_head(remote)}."
        )

    def _is_gone(self, remote: str, ref: str) -> bool:
        branch = ref.removeprefix(f"refs/remotes/{remote}/")
        return branch != ref and is_gone_since_last_fetch(self, remote, branch)

    def _descends(self, ref: str, ancestor: str) -> bool:
        """Whether a ref's history contains that of another ref; False if it does not exist."""
        if not self._is_commit(ref):
            return False
        command = ("merge-base", "--is-ancestor", ancestor, ref)
        process = self._execute(*command)
        return process.returncode != 1 and self._checked(process, command) == b""

    def remote(self) -> str | None:
        """Return the remote of the main branch: `origin`, else the first one; None if there is
        none."""
        remotes = self.remotes()
        if "origin" in remotes:
            return "origin"
        return remotes[0] if remotes else None

    def remotes(self) -> list[str]:
        """Return the names of all remotes."""
        return self._text("remote").splitlines()

    def fetch(
        self, should_stop: Callable[[], bool] = lambda: False, remote: str | None = None
    ) -> None:
        """Fetch the branches of `remote`, by default the main branch's; do nothing if there is no
        remote.

        Raises GitFailure if that fails, if the remote stalls, or once `should_stop` returns True.
        """
        from mlflow_gitops.core.audit.receipts import NOTES_REF  # slow to load, not needed to read

        remote = remote or self.remote()
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

    def remote_tips(self, remote: str) -> dict[str, str]:
        """Return the branches that a remote has now, each with its newest commit.

        Raises GitFailure if the remote does not answer.
        """
        listing = self.exchange(
            "ls-remote",
            "--heads",
            remote,
            failure=f"{remote} did not answer",
            seconds=_REMOTE_PATIENCE,
        )
        pairs = (line.split("\t") for line in listing.splitlines())
        return {ref.removeprefix("refs/heads/"): sha for sha, ref in pairs}

    def ref(self, name: str) -> str | None:
        """Return the id that a ref points at; None if the ref does not exist."""
        return self.query("rev-parse", "--verify", "-q", name) or None

    def full_name(self, name: str) -> str:
        """Return the full name of a ref, "" if the name is not that of one ref."""
        return self.output("rev-parse", "--symbolic-full-name", name, check=False)

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
        """Return the first of these refs that names a commit."""
        return next((ref for ref in refs if self._is_commit(ref)), None)

    def _shortest(self, ref: str) -> str:
        """Return the shortest name that git takes for this ref and for nothing else."""
        if not self._is_commit(ref):
            return ref.removeprefix("refs/heads/")
        name = self._text("rev-parse", "--abbrev-ref=strict", ref) or ref
        return ref if _LIKE_AN_ID.fullmatch(name) else name

    def _is_commit(self, ref: str) -> bool:
        return self.query("rev-parse", "--verify", "-q", ref + "^{commit}") != ""


def _absence(remote: str, branch: str) -> str:
    return f"The last fetch found no branch {branch} on {remote}: it was renamed or deleted there."


def _set_head(remote: str) -> str:
    return f"git remote set-head {remote} --auto"
