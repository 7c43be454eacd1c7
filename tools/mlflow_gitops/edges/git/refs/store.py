"""Opening a repository, and what names lead to: revisions, branches, remotes."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from mlflow_gitops.edges.git.command import UNSAFE_FOLDER
from mlflow_gitops.edges.git.facts import RepositoryFacts
from mlflow_gitops.edges.git.refs.names import check_is_unambiguous, only_commit
from mlflow_gitops.errors import GitFailure

T = TypeVar("T", bound="Refs")

_REMOTE_PATIENCE = 30.0
"""Seconds that a remote may take to list its branches."""
IS_SHALLOW = ("rev-parse", "--is-shallow-repository")
_PATHS = (
    ("rev-parse", "--git-path", "info/attributes"),
    ("rev-parse", "--git-path", "FETCH_HEAD"),
)
_ASKED_AT_START = tuple(option for question in (IS_SHALLOW, *_PATHS) for option in question[1:])
"""What most commands need of a repository, so that one process answers it."""
_FIND_ONE = "Go to your repository, create one with git init, or name one with --repo."
_LIKE_AN_ID = re.compile("[0-9a-f]{4,64}")


class Refs(RepositoryFacts):
    """The refs and remotes of one repository."""

    @classmethod
    def find(cls: type[T], start: Path) -> T:
        """Return the repository that contains `start`. Raises GitFailure if there is none."""
        start_folder = cls(start)
        try:
            answer = start_folder._run(
                *("rev-parse", "--show-toplevel", *_ASKED_AT_START),
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
            raise GitFailure(failure.message, fix=_FIND_ONE, code=failure.code) from None
        top, shallow, *paths = os.fsdecode(answer.removesuffix(b"\n")).rsplit("\n", 3)
        git = cls(Path(top))
        git._facts[IS_SHALLOW] = shallow
        for question, path in zip(_PATHS, paths, strict=True):
            git._facts[question] = str(start / path)  # git's answer starts at `start`
        return git

    def has_commits(self) -> bool:
        return self.head() is not None

    def head(self) -> str | None:
        """Return the commit that is checked out; None before the first commit."""
        return self.query("rev-parse", "--verify", "-q", "HEAD^{commit}") or None

    def resolve(self, revision: str) -> str:
        """Return the full id of the commit that a revision names.

        Raises GitFailure if it names none, or two: a tag and a branch of one name.
        """
        if only_meaning := only_commit(self, revision):
            return only_meaning
        sha = self.query("rev-parse", "--verify", "-q", "--end-of-options", revision + "^{commit}")
        if not sha and (revision == "HEAD" or not self.has_commits()):
            raise GitFailure(f"{self.top} has no commits yet. Commit the manifests first.")
        if not sha or sha.startswith("^"):  # `^REV` means every commit except those of REV
            raise GitFailure(f"This clone has no revision {revision!r}. Fetch it, or name another.")
        check_is_unambiguous(self, revision, sha)
        return sha

    def remote(self) -> str | None:
        """Return the remote of the main branch: `origin`, else the first one; None if there is
        none."""
        remotes = self.remotes()
        if "origin" in remotes:
            return "origin"
        return remotes[0] if remotes else None

    def remotes(self) -> list[str]:
        """Return the names of all remotes."""
        return self.fact("remote").splitlines()

    def fetch(
        self, should_stop: Callable[[], bool] = lambda: False, remote: str | None = None
    ) -> None:
        """Fetch the branches of `remote`, by default the main branch's; do nothing if there is no
        remote.

        Raises GitFailure if that fails, if the remote stalls, or once `should_stop` returns True.
        """
        self.forget_facts()
        remote = remote or self.remote()
        if remote is None:
            return

        options = ("--quiet", "--no-tags", "--no-write-fetch-head")
        self.exchange(
            *("fetch", *options, remote), failure="git fetch failed", should_stop=should_stop
        )

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

    def _first_commit_ref(self, refs: list[str]) -> str | None:
        """Return the first of these refs that names a commit."""
        return next(iter(self._commit_refs(refs)), None)

    def _commit_refs(self, refs: list[str]) -> list[str]:
        """Return those of these refs that name a commit."""
        if not refs:
            return []
        request = "".join(f"{ref}^{{commit}}\n" for ref in refs)
        answers = self.output("cat-file", "--batch-check=%(objecttype)", feed=request).splitlines()
        return [ref for ref, kind in zip(refs, answers, strict=True) if kind == "commit"]

    def _shortest(self, ref: str) -> str:
        """Return the shortest name that git takes for a ref of a commit and for nothing else."""
        name = self._text("rev-parse", "--abbrev-ref=strict", ref) or ref
        return ref if _LIKE_AN_ID.fullmatch(name) else name

    def _shortest_of_branch(self, ref: str) -> str | None:
        """Return the name that `_shortest` returns for a branch, given by its full name; None if it
        does not exist or has no commit. One process answers both questions."""
        fields = "%(refname) %(objecttype) %(*objecttype) %(refname:short)"
        listing = self.output("for-each-ref", f"--format={fields}", "--", ref, check=False)
        for line in listing.splitlines():
            full_name, kind, tagged_kind, name = line.split(" ")
            if full_name == ref and "commit" in (kind, tagged_kind):
                return ref if _LIKE_AN_ID.fullmatch(name) else name
        return None

    def _is_commit(self, ref: str) -> bool:
        return self.query("rev-parse", "--verify", "-q", ref + "^{commit}") != ""
