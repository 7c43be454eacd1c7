"""The commits of the main branch that a merged pull request became (RULES R3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlflow_gitops.edges.forge import ClonedMainBranch

if TYPE_CHECKING:
    from github.Commit import Commit


def commits_made_by(
    main: ClonedMainBranch, merge_commit: str, commits: Sequence[Commit]
) -> tuple[str, ...]:
    """Return what a pull request with these commits put on the main line, oldest first. The last of
    them is `merge_commit`. A merge or a squash is one commit.

    A rebase keeps each commit that is no merge, so it makes at most as many as there are of these.
    It leaves out those that the main branch has already; then the result names some commits too
    many, which only adds judges.
    """
    line = main.line()
    originals = [commit for commit in commits if len(commit.parents) < 2]
    if merge_commit not in line or not _is_rebased(main, merge_commit, originals):
        return (merge_commit,)
    end = line[merge_commit] + 1
    return tuple(list(line)[max(0, end - len(originals)) : end])


def _is_rebased(main: ClonedMainBranch, merge_commit: str, originals: Sequence[Commit]) -> bool:
    """Whether a merge was a rebase of several commits. GitHub keeps the author's date of each; a
    squash is authored when it is committed."""
    if len(originals) < 2:
        return False
    made = main.git.commit_dates(merge_commit)
    if made.parents > 1:
        return False
    if made.authored != made.committed:
        return True
    message = "".join(made.message.split())
    return any(
        _authored(original) == made.authored and "".join(original.commit.message.split()) == message
        for original in originals
    )


def _authored(commit: Commit) -> int | None:
    author = commit.commit.author
    return int(author.date.timestamp()) if author and author.date else None
