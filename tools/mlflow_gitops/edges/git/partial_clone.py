"""Objects that a partial clone does not have (`git clone --filter=…`): fetched all at once.

git itself fetches a missing object when something reads it, with one round trip for each: a log of
thousands of commits would take hours.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from threading import Lock

from mlflow_gitops.core.wording import counted
from mlflow_gitops.edges.git.command import GitCommand
from mlflow_gitops.errors import GitFailure

_FETCH_OPTIONS = (
    *("--quiet", "--no-tags", "--no-write-fetch-head", "--recurse-submodules=no"),
    # A tree comes with its sub-trees; a blob that is named comes all the same.
    "--filter=blob:none",
    "--stdin",
)


def may_be_partial(common_dir: Path) -> bool:
    """Whether a repository has objects of a remote that has more of them: git marks their packs
    (gitformat-pack(5)). Only git knows whether it is a partial clone, by settings that may be in
    any file (`PartialClone`), which takes a process."""
    try:
        packs = (common_dir / "objects" / "pack").iterdir()
        return any(file.suffix == ".promisor" for file in packs)
    except OSError:
        return True


class PartialClone(GitCommand):
    """A repository that may be a partial clone. Several threads may call its methods."""

    @property
    def is_partial(self) -> bool:
        return self._promisor is not None

    def fetch_trees(self, revision: str) -> None:
        """Fetch the folders of every commit up to a revision. Without an answer of the remote
        nothing is raised: perhaps not all of them are needed."""
        if self._promisor is None:
            return
        with self._lock:
            if revision in self._complete:
                return
            command = ("rev-list", "--format=%T", revision, "--")
            lines = self._run(*command).decode("ascii", "replace").splitlines()
            trees = (line for line in lines if not line.startswith("commit "))
            with contextlib.suppress(GitFailure):
                self._fetch(self._missing("040000", "tree", trees))
                self._complete.add(revision)

    def fetch_blobs(self, ids: Iterable[str]) -> None:
        """Fetch those of these blobs that are missing. Raises GitFailure if they cannot be
        fetched."""
        if self._promisor is None:
            return
        with self._lock:
            try:
                missing = self._missing("100644", "blob", ids)
            except GitFailure:  # such as in a repository that cannot be written
                return
            self._fetch(missing)

    def _missing(self, mode: str, kind: str, ids: Iterable[str]) -> list[str]:
        """Those of some objects of one kind that are not here.

        Only `git rev-list` reports missing objects without fetching them (2.39), and not those that
        it is given by name, so it gets a folder made of them, which no commit names.
        """
        entries = [
            f"{mode} {kind} {object_id}\t{position}\n"
            for position, object_id in enumerate(dict.fromkeys(ids))
        ]
        if not entries:
            return []
        folder = self.output("mktree", "--missing", feed="".join(entries))
        command = ("rev-list", "--objects", "--filter=tree:2", "--missing=print", folder)
        lines = self._run(*command).decode("utf-8", "replace").splitlines()
        return [line[1:] for line in lines if line.startswith("?")]

    def _fetch(self, ids: list[str]) -> None:
        if not ids:
            return
        self.exchange(
            *("-c", "fetch.negotiationAlgorithm=noop", "fetch", str(self._promisor)),
            *_FETCH_OPTIONS,
            feed="".join(f"{object_id}\n" for object_id in ids),
            failure=f"{counted(len(ids), 'object')} missing in this partial clone could not be"
            " fetched",
        )

    @cached_property
    def _promisor(self) -> str | None:
        """The remote that has the missing objects; None if this clone is not partial."""
        settings = self.query("config", "--type=bool", "--get-regexp", r"^remote\..*\.promisor$")
        for line in settings.splitlines():
            name, _, value = line.rpartition(" ")
            if value == "true":
                return name.removeprefix("remote.").removesuffix(".promisor")
        return None

    @cached_property
    def _lock(self) -> Lock:
        return Lock()

    @cached_property
    def _complete(self) -> set[str]:
        """The revisions whose folders are all here."""
        return set()
