"""Commits: their order, their authors and signatures, and merges that are only planned."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from mlflow_gitops.edges.git.command import checked_output
from mlflow_gitops.edges.git.refs.main_branch import Branches
from mlflow_gitops.edges.git.refs.store import IS_SHALLOW
from mlflow_gitops.errors import GitFailure

if TYPE_CHECKING:
    from mlflow_gitops.core.history.mainline import Commit

FULL_ID = re.compile("[0-9a-f]{40}(?:[0-9a-f]{24})?")  # SHA-1 or SHA-256
_MAX_CONFLICTS = 5  # files that a message names
SIGNATURE_FAULTS = {
    "B": "has a bad signature",
    "U": "is signed by a key that is not trusted here",
    "X": "has a signature that has expired",
    "Y": "is signed by a key that has expired",
    "R": "is signed by a key that was revoked",
    "E": "has a signature that cannot be checked: its key is not here",
    "N": "is not signed",
}
"""By the letter that git prints for `%G?` (git help log)."""


class CommitDates(NamedTuple):
    """When a commit was authored and committed, in seconds since 1970, how many parents it has, and
    its message."""

    parents: int
    authored: int
    committed: int
    message: str


class Revisions(Branches):
    """The commits of one repository."""

    def exists(self, sha: str) -> bool:
        """Return whether there is a commit with this full id."""
        if FULL_ID.fullmatch(sha) is None:
            return False
        return self.output("cat-file", "--batch-check=%(objecttype)", feed=f"{sha}\n") == "commit"

    def existing_commits(self, shas: Iterable[str]) -> set[str]:
        """Return those of these full ids that name a commit in this clone, from one process."""
        ids = [sha for sha in shas if FULL_ID.fullmatch(sha)]
        if not ids:
            return set()
        listing = self.output(
            "cat-file",
            "--batch-check=%(objectname) %(objecttype)",
            feed="".join(f"{sha}\n" for sha in ids),
        )
        lines = (line.partition(" ") for line in listing.splitlines())
        return {sha for sha, _, kind in lines if kind == "commit"}

    def is_shallow(self) -> bool:
        """Return whether older commits are missing in this clone."""
        return self.fact(*IS_SHALLOW) == "true"

    def first_parents(self, revision: str, excluded: str | None = None) -> list[str]:
        """Return the first-parent line up to a revision, oldest first.

        Commits that are reachable from `excluded` are left out. Empty before the first commit.
        """
        limits = [f"^{excluded}"] if excluded else []
        try:
            return self._text(
                "rev-list", "--first-parent", "--reverse", revision, *limits, "--"
            ).split()
        except GitFailure:
            if self.has_commits():
                raise
            return []

    def contains(self, revision: str, ancestor: str) -> bool:
        """Return whether `ancestor` is `revision` or comes before it; False if it is unknown."""
        if not self.exists(ancestor):
            return False
        command = ("merge-base", "--is-ancestor", ancestor, revision)
        process = self._execute(*command)
        return process.returncode != 1 and checked_output(process, command) == b""

    def after(self, start: str, revision: str) -> frozenset[str]:
        """Return the commits up to a revision that descend from `start`."""
        listing = self._text("rev-list", "--ancestry-path", f"{start}..{revision}", "--")
        return frozenset(listing.split())

    def describe(self, sha: str) -> Commit:
        """Return one commit, with its own committer's time."""
        from mlflow_gitops.core.history.mainline import Commit
        from mlflow_gitops.core.times import format_time

        seconds, author, subject = self._text(
            "show", "-s", "--no-show-signature", "--format=%ct%n%an <%ae>%n%s", sha
        ).split("\n")
        return Commit(sha, format_time(int(seconds or 0)), author, subject)

    def commit_dates(self, sha: str) -> CommitDates:
        """Return when a commit was authored and committed, and its message."""
        form = "--format=%at%n%ct%n%P%n%B"
        output = self._text("show", "-s", "--no-show-signature", "--encoding=UTF-8", form, sha)
        authored, committed, parents, *message = output.split("\n")
        return CommitDates(
            len(parents.split()), int(authored or 0), int(committed or 0), "\n".join(message)
        )

    def signature_fault(self, sha: str) -> str | None:
        """Return why git rejects a commit's signature; None if it accepts it.

        git decides by its own settings: GPG's keyring, or SSH's allowed signers.
        """
        status, _, signer = self._text(
            "show", "-s", "--no-show-signature", "--format=%G?%n%GS", sha
        ).partition("\n")
        if status == "G":
            return None

        # Without allowed signers, git reports an SSH signature as none at all.
        if status == "N" and self._has_signature(sha):
            return (
                "has a signature that cannot be checked: git knows no allowed signers here"
                " (gpg.ssh.allowedSignersFile)"
            )
        fault = SIGNATURE_FAULTS.get(status, "cannot be judged")
        return f"{fault} ({signer})" if signer else fault

    def _has_signature(self, sha: str) -> bool:
        headers = self._text("cat-file", "commit", sha).partition("\n\n")[0]
        return "\ngpgsig" in headers

    def fetch_commit(self, commit: str) -> bool:
        """Fetch a commit if it is not in this clone. Return whether it is there then."""
        if self.exists(commit):
            return True
        remote = self.remote()
        if remote is None:
            return False
        try:
            self.exchange("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", remote, commit)
        except GitFailure:
            return False
        return self.exists(commit)

    def is_plain_merge(self, commit: str, onto: str, revision: str) -> bool:
        """Return whether a commit holds what git itself makes of merging a revision, and nothing
        else. False if the commits are not in this clone and cannot be fetched."""
        if not self.fetch_commit(commit):
            return False
        merged = self._execute("merge-tree", "--write-tree", "--no-messages", "-z", onto, revision)
        if merged.returncode:
            return False
        tree = self.query("rev-parse", "--verify", "-q", f"{commit}^{{tree}}")
        return merged.stdout.decode().strip("\0\n") == tree

    def merge(self, onto: str, revision: str) -> str:
        """Return the commit that merging a revision would make, an object that no branch names.

        Uses `git merge-tree --write-tree` (git 2.38). Raises GitFailure if the two conflict, with
        the names of the files.
        """
        merged = self._execute(
            "merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", onto, revision
        )
        if merged.returncode == 1:
            files = merged.stdout.decode("utf-8", "replace").split("\0")[1:]
            conflicts = ", ".join(sorted(file for file in files if file)[:_MAX_CONFLICTS])
            raise GitFailure(
                f"{revision[:12]} conflicts with {onto[:12]} in {conflicts}. Merge or rebase first."
            )
        if merged.returncode:
            printed = merged.stderr.decode("utf-8", "replace").strip().splitlines()
            reason = printed[0] if printed else merged.returncode
            raise GitFailure(f"git cannot merge these (this needs git 2.38 or newer): {reason}.")

        tree = merged.stdout.decode().strip("\0\n")
        parents = ("-p", onto, "-p", revision)
        message = "a merge that is only planned"
        return self.output("commit-tree", tree, *parents, "-m", message, identity=True)
