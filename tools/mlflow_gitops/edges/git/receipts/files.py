"""What the commits of the receipts branch did to its files, from one `git log`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mlflow_gitops.edges.git.repository import Git

MAX_LISTING = 32 << 20
"""Bytes of what git lists: about 150,000 receipts."""
_MAX_NAMES = MAX_LISTING // 3
"""Bytes of the names of files alone: about 190,000 receipts."""

_LOG = (
    *("log", "-z", "--raw", "-m", "--root", "--no-renames", "--no-abbrev", "--no-ext-diff"),
    *("--no-show-signature", "--format=%H"),
)


@dataclass(frozen=True, slots=True)
class FileChange:
    """What one commit did to one file. `action` is git's letter: A added, M changed, D deleted, T
    made a link or the like. `blob` is the content afterwards."""

    commit: str
    action: str
    path: str
    blob: str


def file_changes(
    git: Git, tips: Sequence[str], excluded: str | None = None
) -> list[FileChange] | None:
    """Every change of a file in the commits up to `tips`, without those up to `excluded`, newest
    first; None if there are too many to list.

    A merge is compared with each of its parents: a file that only one of them has comes twice.
    """
    if not tips:
        return []
    for tip in tips:
        git.partial.fetch_trees(tip)
        # Commits of huge folders are compared for minutes, and a name is listed in no time.
        names = ("ls-tree", "-r", "-z", "--name-only", "--full-tree", tip)
        if len(git.head_of_output(_MAX_NAMES + 1, *names)) > _MAX_NAMES:
            return None
    limits = [f"^{excluded}"] if excluded is not None else []
    listing = git.head_of_output(MAX_LISTING + 1, *_LOG, *tips, *limits, "--")
    if len(listing) > MAX_LISTING:
        return None
    return list(_parsed(listing.decode("utf-8", "replace")))


def _parsed(listing: str) -> Iterator[FileChange]:
    commit = ""
    fields = iter(listing.split("\0"))
    for field in fields:
        record = field.lstrip("\n")
        if record.startswith(":"):
            _, _, _, blob, action = record.split(" ")
            yield FileChange(commit, action[:1], next(fields), blob)
        elif record:
            commit = record
