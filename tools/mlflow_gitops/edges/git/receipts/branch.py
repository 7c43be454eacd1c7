"""The branch of receipts in one clone, and what it holds (RULES R6). `edges/git/receipts/writer.py`
adds to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mlflow_gitops.core.audit.receipts import NOTES_REF, Receipt
from mlflow_gitops.edges.git.receipts.one_moment import listed_at_moment
from mlflow_gitops.edges.git.repository import Git
from mlflow_gitops.errors import GitFailure, UsageFailure
from mlflow_gitops.settings import RECEIPTS_BRANCH

if TYPE_CHECKING:  # few repositories ask for signatures
    from mlflow_gitops.edges.git.receipts.signatures import SignatureRule
    from mlflow_gitops.edges.git.receipts.stored import StoredReceipts


@dataclass(frozen=True, slots=True)
class ReceiptsBranch:
    """The receipts of one repository. `remote` is None if there is none to exchange them with.

    Readers read this clone's branch and the remote's, as it was last fetched.
    """

    git: Git
    remote: str | None
    name: str = RECEIPTS_BRANCH
    rule: Callable[[], SignatureRule] | None = None
    """Reads which signatures the receipts must have; None if they need none."""
    _last_read: dict[tuple[object, ...], StoredReceipts] = field(
        default_factory=dict, repr=False, compare=False
    )
    """What was read last, by the commits that it was read from."""

    @classmethod
    def of_repository(
        cls,
        git: Git,
        name: str = RECEIPTS_BRANCH,
        rule: Callable[[], SignatureRule] | None = None,
    ) -> ReceiptsBranch:
        return cls(git, git.remote(), name, rule)

    def check_name(self, main_ref: Callable[[], str]) -> None:
        """Raise UsageFailure if no branch can have this name, or if the main branch has it."""
        name, git = self.name, self.git
        if name == RECEIPTS_BRANCH:
            return
        if git.output("check-ref-format", "--branch", name, check=False) != name:
            raise UsageFailure(f"--receipts-branch {name!r} cannot be the name of a branch.")
        if main_ref() in (name, self.ref, f"{self.remote}/{name}"):
            raise UsageFailure(
                f"--receipts-branch {name} is the main branch; receipts need one of their own."
            )

    @property
    def ref(self) -> str:
        """This clone's branch."""
        return f"refs/heads/{self.name}"

    @property
    def tracking_ref(self) -> str:
        """The remote's branch as it was last fetched."""
        return f"refs/remotes/{self.remote}/{self.name}"

    @property
    def fetch_command(self) -> str:
        """The command that fetches the remote's receipts, also in a clone of one branch."""
        return f"git fetch {self.remote} '{receipts_refspec(self)}'"

    @property
    def fetch_hint(self) -> str | None:
        """How to fetch receipts that may be missing in this clone; None without a remote."""
        return f"fetch receipts with: {self.fetch_command}" if self.remote is not None else None

    def read(self) -> StoredReceipts:
        """Every receipt in this clone that counts, oldest first, and what was done to them. Raises
        GitFailure with the code UNREADABLE if one cannot be read, or if all of them are over a
        limit."""
        return self._stored(*self._sources())

    def receipts(self) -> list[Receipt]:
        """Every receipt in this clone, oldest first. Raises GitFailure as `read` does."""
        tips, notes = self._sources()
        return [*self._stored(tips, notes).receipts] if tips or notes else []

    def _stored(self, tips: list[str], notes: list[str]) -> StoredReceipts:
        """What these commits hold, which never changes, so it is read once; notes are refs."""
        from mlflow_gitops.edges.git.receipts.reading import read_stored

        rule = self.rule() if self.rule is not None else None
        key = (rule, *tips)
        if notes or key not in self._last_read:
            self._last_read.clear()
            self._last_read[key] = read_stored(self.git, tips, notes, self.name, rule)
        return self._last_read[key]

    def read_untaken_notes(self, refs: Mapping[str, str]) -> list[Receipt]:
        """The receipts in notes, if there are none on the branch, by what `refs` returned. Raises
        GitFailure as `read` does."""
        tips, notes = _tips_and_notes(self, refs)
        if not notes:
            return []
        from mlflow_gitops.edges.git.receipts.reading import read_untaken_notes

        return read_untaken_notes(self.git, tips, notes, self.name)

    def readable_receipts(self) -> list[Receipt] | None:
        """Every receipt in this clone, oldest first; None if they cannot be read. For what goes on
        without them."""
        try:
            return self.receipts()
        except GitFailure as failure:
            from mlflow_gitops.edges.git.receipts.limits import UNREADABLE

            if failure.code == UNREADABLE:
                return None
            raise

    def commits(self) -> set[str]:
        """The commits that receipts are about, by the names of the files: the first twelve digits
        of each. Empty if there are too many to list."""
        tips, notes = self._sources()
        if not tips and not notes:
            return set()
        from mlflow_gitops.edges.git.receipts.reading import named_commits

        return named_commits(self.git, tips, notes)

    def refs(self) -> dict[str, str]:
        """The refs in this clone that hold receipts, each with its commit: this branch, the
        remote's, and notes."""
        refs = [self.ref, *_notes_refs(self)]
        if self.remote is not None:
            refs.append(self.tracking_ref)
        listing = self.git.output("for-each-ref", "--format=%(refname) %(objectname)", *refs)
        pairs = (line.split(" ") for line in listing.splitlines())
        return {ref: commit for ref, commit in pairs if ref in refs}

    def refs_of_remote(self, seconds: float) -> dict[str, str]:
        """The refs with receipts that the remote has now. Raises GitFailure if it does not answer
        within some seconds."""
        remote = str(self.remote)
        listing = self.git.exchange("ls-remote", remote, self.ref, NOTES_REF, seconds=seconds)
        pairs = (line.split() for line in listing.splitlines())
        return {ref: commit for commit, ref in pairs if ref in (self.ref, NOTES_REF)}

    def has_commit(self, commit: str) -> bool:
        """Whether this clone's branch or the remote's, as it was last fetched, has a commit."""
        refs = self.refs()
        return self.git.exists(commit) and any(
            self.git.contains(tip, commit) for tip in refs.values()
        )

    def tips(self) -> list[str]:
        """The commits at the ends of this clone's branch and of the remote's."""
        return self._sources()[0]

    def _sources(self) -> tuple[list[str], list[str]]:
        """The tips of the branch, and the refs of notes."""
        question = (str(self.git.top), self.name, str(self.remote))
        return _tips_and_notes(self, listed_at_moment(question, self.refs))


def _tips_and_notes(branch: ReceiptsBranch, refs: Mapping[str, str]) -> tuple[list[str], list[str]]:
    tips = [refs[ref] for ref in (branch.tracking_ref, branch.ref) if ref in refs]
    return list(dict.fromkeys(tips)), [ref for ref in _notes_refs(branch) if ref in refs]


def _notes_refs(branch: ReceiptsBranch) -> list[str]:
    """The refs that may hold notes: this clone's, and the remote's as it was last fetched."""
    return [NOTES_REF, f"{NOTES_REF}-{branch.remote}"]


def receipts_refspec(branch: ReceiptsBranch) -> str:
    """What git fetches the remote's receipts by: a pattern, since git fetch fails on a plain ref
    that the remote does not have yet."""
    return f"+{branch.ref}*:{branch.tracking_ref}*"
