"""Whose pushes brought the commits of a pull request (RULES R3)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlflow_gitops.edges.git.repository import Git
from mlflow_gitops.errors import ForgeFailure

if TYPE_CHECKING:
    from github.Commit import Commit


def actors_of(
    pushes: Iterable[Mapping[str, Any]],
    commits: Sequence[Commit],
    authored: Iterable[Commit],
    git: Git,
) -> Iterator[Any]:
    """Yield the accounts that pushed what is in a pull request. `pushes` are the activities of its
    branch, newest first; `authored` are its commits without updates by the main branch.

    A push that brought an update alone makes nobody an author. One that brought more does, even if
    an update is its last commit. If the branch was rebased without another change, what was pushed
    before the rebase is still in it.

    Raises ForgeFailure if GitHub does not name the account of such a push.
    """
    written = {commit.sha for commit in authored}
    updates = {commit.sha: commit.parents[0].sha for commit in commits if commit.sha not in written}
    for push in pushes:
        after, before = push.get("after"), push.get("before")
        if after in updates and before == updates[after]:
            continue
        if after not in written and after not in updates:
            continue
        if not push.get("actor"):
            raise ForgeFailure(
                f"GitHub does not name the account that pushed {str(after)[:12]}.",
                fix="Open the pull request from a new branch.",
            )
        yield push["actor"]
        if before and before not in written:
            written |= _rebased(git, commits, str(after), str(before))


def _rebased(git: Git, commits: Sequence[Commit], after: str, before: str) -> set[str]:
    """The commits that a push replaced, if it only rebased them; none otherwise."""
    first = commits[0]
    if after != commits[-1].sha or not first.parents or not git.fetch_commit(before):
        return set()
    onto = first.parents[0].sha
    if git.contains(after, before) or not git.is_plain_merge(after, onto, before):
        return set()
    return set(git.first_parents(before, excluded=onto))
