"""Receipts as git notes, as versions before the receipts branch wrote them. They are only read, and
only as long as the branch has none (RULES R6)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mlflow_gitops.core.audit.receipts import NOTES_REF
from mlflow_gitops.edges.git.receipts.limits import MAX_RECEIPT, MAX_RECEIPTS, unreadable
from mlflow_gitops.edges.git.repository import Git

_MAX_LISTING = 32 << 20  # bytes: about 300,000 notes


def noted_commits(git: Git, refs: Sequence[str]) -> set[str]:
    """The commits that have notes; empty if there are too many to list."""
    listings = (_listing(git, ref) or "" for ref in refs)
    return {line.split()[1] for listing in listings for line in listing.splitlines()}


def note_texts(git: Git, refs: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield commit and text of each note, one after the other: anybody who may push notes may push
    any number of any size. Raises GitFailure with the code UNREADABLE if they are over a limit."""
    commits: dict[str, set[str]] = {}
    for ref in refs:
        listing = _listing(git, ref)
        if listing is None:
            reason = f"There are receipts on more than {_MAX_LISTING // 100:,} commits"
            raise unreadable(reason, ref)
        for line in listing.splitlines():
            note, commit = line.split()
            commits.setdefault(note, set()).add(commit)

    total = 0
    for note, content in git.each_blob(commits, limit=MAX_RECEIPT):
        if content is None:
            reason = (
                f"The receipts of {min(commits[note])[:12]} are missing in this clone, or longer"
                f" than {MAX_RECEIPT >> 20} MiB"
            )
            raise unreadable(reason, NOTES_REF)
        total += len(content)
        if total > MAX_RECEIPTS:
            raise unreadable(f"The receipts are longer than {MAX_RECEIPTS >> 20} MiB", NOTES_REF)
        text = content.decode("utf-8", "replace")
        yield from ((commit, text) for commit in sorted(commits[note]))


def _listing(git: Git, ref: str) -> str | None:
    return git.limited_output(_MAX_LISTING, "notes", f"--ref={ref}", "list")
