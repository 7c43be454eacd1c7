"""Find the pull request behind a commit of the main branch (RULES R3).

A pull request is found by the commit that it made, never by a number in a message: it must be
merged, into the main branch, and contain the commit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

from mlflow_gitops.core.times import parse_time
from mlflow_gitops.edges.forge import ClonedMainBranch
from mlflow_gitops.edges.git.refs.branches import branch_name
from mlflow_gitops.edges.github.api import lag
from mlflow_gitops.edges.github.approvals.merged_commits import commits_made_by
from mlflow_gitops.edges.github.connection import GitHubConnection
from mlflow_gitops.errors import ForgeFailure

if TYPE_CHECKING:
    from github.Commit import Commit
    from github.PullRequest import PullRequest
    from github.PullRequestReview import PullRequestReview

    from mlflow_gitops.edges.github.graph.reader import ReadPullRequest

MAX_COMMITS = 250
"""Commits of one pull request that the API lists."""
_ONE_REBASE = timedelta(seconds=10)
"""How far apart the committer dates of one rebase may be."""


@dataclass(frozen=True, slots=True)
class FoundPullRequest:
    """A pull request as PyGithub has it, and its commits, oldest first. Its reviews, if they were
    read together with it."""

    pull: PullRequest
    commits: Sequence[Commit]
    reviews: Sequence[PullRequestReview] | None = None


class PullRequestFinder:
    """The pull requests into one main branch. Every method raises ForgeFailure."""

    def __init__(self, github: GitHubConnection, main: ClonedMainBranch) -> None:
        self._github = github
        self._main = main
        self._present_names: dict[str, str | None] = {}
        self._merged: dict[str, FoundPullRequest | None] = {}
        self._has_waited: str | None = None

    @cached_property
    def branch(self) -> str:
        """The main branch, as GitHub calls it."""
        return branch_name(self._main.git, self._main.ref) or self._github.default_branch

    def merged(self, sha: str) -> FoundPullRequest | None:
        """Return the pull request that put a commit on the main branch."""
        if sha not in self._merged:
            self._merged[sha] = lag.repeat(
                lambda: self._find_merged(sha),
                lambda found: found is None and self._may_come(sha),
                self._github.pauses,
            )
        return self._merged[sha]

    def _may_come(self, sha: str) -> bool:
        """Whether GitHub may learn of a commit's pull request in a moment. It is waited for once:
        if that was in vain, it is not waited for other commits."""
        is_first = self._has_waited is None and sha in self._main.line()
        if is_first and lag.may_lack_merge(self._main.git.describe(sha)):
            self._has_waited = sha
        return self._has_waited == sha

    def _find_merged(self, sha: str) -> FoundPullRequest | None:
        checked: set[int] = set()
        with self._github.request(f"find the pull request of {sha[:7]}"):
            for read in self._github.reader.of_commit(sha):
                if self._was_merged_here(read.pull):
                    candidate = _found(read.pull, read)
                    if self._is_made_by(candidate, sha):
                        return candidate
            commits = (sha, *self._right_after(sha))
            for pull in chain.from_iterable(map(self._associated, commits)):
                if not self._was_merged_here(pull) or pull.number in checked:
                    continue
                checked.add(pull.number)
                # The list leaves out fields that the pull request itself has.
                pull = self._github.repo.get_pull(pull.number)
                candidate = FoundPullRequest(pull, _commits(pull))
                if self._is_made_by(candidate, sha):
                    return candidate
        return None

    def first_commit(self, sha: str) -> str:
        """Return the first commit that the pull request of a commit put on the main line. It is the
        commit itself if no pull request made it."""
        found = self.merged(sha)
        if found is None:
            return sha
        with self._github.request(f"read the commits of #{found.pull.number}"):
            made = commits_made_by(self._main, found.pull.merge_commit_sha, found.commits)
        return made[0] if sha in made else sha

    def open(self, head: str) -> FoundPullRequest | None:
        """Return the open pull request that has this head."""
        pull = self._github.pull_request_at(head, self.branch)
        if pull is None:
            return None
        with self._github.request(f"read #{pull.number}"):
            return _found(pull, self._github.reader.get(pull.number))

    def _was_merged_here(self, pull: PullRequest) -> bool:
        if pull.merged_at is None or not self._github.owns(pull.base.repo):
            return False
        return pull.base.ref == self.branch or self._present_name(pull.base.ref) == self.branch

    def _present_name(self, branch: str) -> str | None:
        """What a branch is called now; None if there is none. A merged pull request keeps the name
        that its base had, and GitHub redirects requests for a renamed branch to its new name."""
        from github import UnknownObjectException

        if branch not in self._present_names:
            try:
                self._present_names[branch] = self._github.repo.get_branch(branch).name
            except UnknownObjectException:
                self._present_names[branch] = None
        return self._present_names[branch]

    def _right_after(self, sha: str) -> Iterator[str]:
        """The commits that were put on the main line together with this one.

        GitHub may associate a rebased pull request with the last of its commits alone.
        """
        git, positions = self._main.git, self._main.line()
        line = list(positions)
        start = positions.get(sha, len(line))
        if start + 1 >= len(line):
            return

        previous = parse_time(git.describe(sha).at)
        for next_sha in line[start + 1 : start + MAX_COMMITS]:
            committed = parse_time(git.describe(next_sha).at)
            if abs(committed - previous) > _ONE_REBASE:
                return
            yield next_sha
            previous = committed

    def _associated(self, sha: str) -> Iterator[PullRequest]:
        from github import GithubException

        try:
            yield from self._github.repo.get_commit(sha).get_pulls()
        except GithubException as error:
            if error.status != 422:  # "No commit found for SHA": it was never pushed
                raise

    def _is_made_by(self, candidate: FoundPullRequest, sha: str) -> bool:
        """Whether a merged pull request made a commit of the main line: as its merge, as its
        squash, or as one of the commits of its rebase."""
        merge = candidate.pull.merge_commit_sha
        if merge is None or merge == sha:
            return merge == sha
        if sha not in commits_made_by(self._main, merge, candidate.commits):
            return False

        # A rebase keeps the author and the message of each commit, and leaves out merges and what
        # the main branch has already.
        rebased = self._main.git.describe(sha)
        return any(
            (rebased.author, rebased.subject) == _author_and_subject(original)
            for original in candidate.commits
        )


def _author_and_subject(commit: Commit) -> tuple[str, str]:
    original = commit.commit
    subject = " ".join(original.message.split("\n\n")[0].split())
    author = f"{original.author.name} <{original.author.email}>" if original.author else ""
    return author, subject


def _found(pull: PullRequest, read: ReadPullRequest | None) -> FoundPullRequest:
    """A pull request with what was read together with it, and with the rest."""
    if read is None or read.pull.head.sha != pull.head.sha:
        return FoundPullRequest(pull, _commits(pull))
    return FoundPullRequest(pull, read.commits or _commits(pull), read.reviews)


def _commits(pull: PullRequest) -> list[Commit]:
    commits = list(pull.get_commits())
    if len(commits) >= MAX_COMMITS:
        raise ForgeFailure(
            f"#{pull.number} has {MAX_COMMITS} commits or more, and GitHub does not list who made"
            " the rest.",
            fix="Split the pull request.",
        )
    if not commits:
        raise ForgeFailure(
            f"GitHub lists no commit of #{pull.number}, so who made it is not known.",
            fix="Try again later.",
        )
    return commits
