"""Which commits: what a revision names, where the main branch is (RULES R1), what comes before
what, who signed."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from mlflow_gitops.core.history.mainline import Commit
from mlflow_gitops.edges.git import log
from mlflow_gitops.edges.git.command import UNSAFE_FOLDER, GitCommand
from mlflow_gitops.errors import GitFailure

T = TypeVar("T", bound="Revisions")

_ID = re.compile("[0-9a-f]{40}(?:[0-9a-f]{24})?")
_SIGNATURES = {
    "B": "has a bad signature",
    "U": "is signed by a key that is not trusted here",
    "X": "has a signature that has expired",
    "Y": "is signed by a key that has expired",
    "R": "is signed by a key that was revoked",
    "E": "has a signature that cannot be checked: its key is not here",
    "N": "is not signed",
}


class Revisions(GitCommand):
    """The commits of one repository, named by its top-level folder."""

    @classmethod
    def find(cls: type[T], start: Path) -> T:
        """The repository that `start` lies in. Raises GitFailure if there is none."""
        here = cls(start)
        try:
            top = here._run(
                "rev-parse",
                "--show-toplevel",
                failure=f"{start} is not in a git repository that can be read",
            )
        except GitFailure as failure:
            if here._run("rev-parse", "--is-inside-work-tree", check=False).strip() == b"false":
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
        """The full id of the commit that a revision names. Raises GitFailure if it names none."""
        if revision == "HEAD" and not self.has_commits():
            raise GitFailure(f"{self.top} has no commits yet. Commit the manifests first.")
        found = self.query(
            "rev-parse", "--verify", "-q", "--end-of-options", revision + "^{commit}"
        )
        if not found or found.startswith("^"):  # `^REV` is every commit but those of REV
            raise GitFailure(f"git knows no revision {revision!r}. Fetch it, or name another.")
        return found

    def main_ref(self, requested: str | None) -> str:
        """The main branch (RULES R1): the wanted one, the remote's HEAD, its `main` or `master`,
        else the local branch.

        A branch is meant even where a tag has the same name, which git would take first.
        """
        if requested is not None:
            self.resolve(requested)
            branches = (f"refs/{kind}/{requested}" for kind in ("heads", "remotes"))
            return next((self._short(ref) for ref in branches if self._is_commit(ref)), requested)
        remote = self.remote()
        if remote is None:
            branch = self.branch()
            local = (f"refs/heads/{name}" for name in ("main", "master"))
            return branch or next(
                (self._short(ref) for ref in local if self._is_commit(ref)), "HEAD"
            )
        for ref in (f"refs/remotes/{remote}/{name}" for name in ("HEAD", "main", "master")):
            if self._is_commit(ref):
                return self._short(ref)
        raise GitFailure(
            f"The main branch of {remote} is not known here. Run git fetch {remote} (git push -u"
            f" {remote} HEAD where it is still empty), or name it with --main."
        )

    def first_parents(self, revision: str, excluded: str | None = None) -> list[str]:
        """The first-parent line up to a revision, the oldest commit first, less what `without` has;
        empty before the first commit."""
        less = [f"^{excluded}"] if excluded else []
        try:
            return self._text(
                "rev-list", "--first-parent", "--reverse", revision, *less, "--"
            ).split()
        except GitFailure:
            if self.has_commits():
                raise
            return []

    def remote(self) -> str | None:
        """The remote that the main branch is taken from: `origin`, else the first; None where there
        is none."""
        remotes = self._text("remote").split()
        return "origin" if "origin" in remotes else remotes[0] if remotes else None

    def fetch(self, should_stop: Callable[[], bool] = lambda: False) -> None:
        """Bring in the branches of the remote that the main branch is taken from; nothing where
        there is none. A remote that stalls is given up, and any as soon as there was `enough`
        waiting. Raises GitFailure."""
        from mlflow_gitops.core.audit.receipts import NOTES_REF  # not needed to read

        if remote := self.remote():
            # Receipts are merged by `Notes`; a clone that is told to fetch all notes would put the
            # remote's in their place.
            ours = ("-c", f"remote.{remote}.fetch=^{NOTES_REF}")
            told = ("--quiet", "--no-tags", "--no-write-fetch-head")
            self.exchange(
                *ours, "fetch", *told, remote, failure="git fetch failed", should_stop=should_stop
            )

    def ref(self, name: str) -> str | None:
        """What a ref points at; None if it does not exist."""
        return self.query("rev-parse", "--verify", "-q", name) or None

    def branch(self) -> str | None:
        """The branch that is checked out; None where HEAD is on none."""
        return self.query("symbolic-ref", "-q", "--short", "HEAD") or None

    def move_ref(self, name: str, new: str, old: str | None) -> bool:
        """Move a ref from `old` (None: it must not exist) to `new`, unless it moved meanwhile."""
        try:
            self._run("update-ref", "-m", "mlflow-gitops", name, new, old or "")
        except GitFailure:
            return False
        return True

    def is_shallow(self) -> bool:
        return self._text("rev-parse", "--is-shallow-repository") == "true"

    def merge(self, onto: str, revision: str) -> str:
        """The commit that merging a revision would make, as an object that no branch names (`git
        merge-tree`, 2.38).

        Raises GitFailure where the two conflict, naming the files.
        """
        done = self._execute(
            "merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", onto, revision
        )
        if done.returncode == 1:
            files = done.stdout.decode("utf-8", "replace").split("\0")[1:]
            listed = ", ".join(sorted(file for file in files if file)[:5])
            raise GitFailure(
                f"{revision[:12]} conflicts with {onto[:12]} in {listed}. Merge or rebase first."
            )
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise GitFailure(
                "git cannot merge these (it takes git 2.38):"
                f" {said[0] if said else done.returncode}."
            )
        tree = done.stdout.decode().strip("\0\n")
        parents = ("-p", onto, "-p", revision)
        return self.output(
            "commit-tree", tree, *parents, "-m", "a merge that is only planned", identity=True
        )

    def contains(self, revision: str, ancestor: str) -> bool:
        """Whether `other` is `revision` or comes before it; not where it is unknown here."""
        if not self.exists(ancestor):
            return False
        question = ("merge-base", "--is-ancestor", ancestor, revision)
        done = self._execute(*question)
        return done.returncode != 1 and self._checked(done, question) == b""

    def after(self, start: str, revision: str) -> frozenset[str]:
        """The commits up to a revision that come after `start`, whatever lies beside it left out."""
        return frozenset(
            self._text("rev-list", "--ancestry-path", f"{start}..{revision}", "--").split()
        )

    def describe(self, sha: str) -> Commit:
        """One commit, with its own committer's time."""
        seconds, author, subject = self._text(
            "show", "-s", "--no-show-signature", "--format=%ct%n%an <%ae>%n%s", sha
        ).split("\n")
        return Commit(sha, log.utc(int(seconds or 0)), author, subject)

    def signature_fault(self, sha: str) -> str | None:
        """Why git does not take a commit's signature for good, by its own settings (GPG's keyring,
        SSH's allowed signers); None if it does."""
        status, _, who = self._text(
            "show", "-s", "--no-show-signature", "--format=%G?%n%GS", sha
        ).partition("\n")
        by = f" ({who})" if who else ""
        if (
            status == "N"
            and "\ngpgsig" in self._text("cat-file", "commit", sha).partition("\n\n")[0]
        ):
            return (
                "has a signature that cannot be checked: git knows no allowed signers here"
                " (gpg.ssh.allowedSignersFile)"
            )
        return None if status == "G" else _SIGNATURES.get(status, "cannot be judged") + by

    def exists(self, sha: str) -> bool:
        """Whether there is a commit of this full id."""
        if _ID.fullmatch(sha) is None:
            return False
        return self.output("cat-file", "--batch-check=%(objecttype)", feed=f"{sha}\n") == "commit"

    def _is_commit(self, ref: str) -> bool:
        return self.query("rev-parse", "--verify", "-q", ref + "^{commit}") != ""

    def _short(self, ref: str) -> str:
        """The shortest form of a ref's name that can mean nothing else."""
        return self._text("rev-parse", "--abbrev-ref=strict", ref) or ref
