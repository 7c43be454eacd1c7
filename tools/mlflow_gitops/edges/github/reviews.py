"""Read from GitHub the facts that the approval rule judges (RULES R3): who made a pull request, who
reviewed it, and which manifest they saw."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mlflow_gitops.core.history.approvals import (
    MessageOfCommit,
    Review,
    ReviewedPullRequest,
    Reviewer,
)
from mlflow_gitops.core.times import format_datetime
from mlflow_gitops.edges.forge import AnswerCache, ClonedMainBranch
from mlflow_gitops.edges.github.approvals.teams import team_members
from mlflow_gitops.edges.github.connection import GitHubConnection
from mlflow_gitops.edges.github.contributors import Contributors, participant
from mlflow_gitops.edges.github.pull_requests import FoundPullRequest, PullRequestFinder
from mlflow_gitops.errors import ForgeFailure

if TYPE_CHECKING:
    from github.Commit import Commit
    from github.PullRequestReview import PullRequestReview

_UNSUBMITTED = "PENDING"


class GitHubReviews:
    """The facts about pull requests into one main branch (`edges.forge.ReviewFacts`)."""

    def __init__(
        self, github: GitHubConnection, main: ClonedMainBranch, teams: GitHubConnection
    ) -> None:
        self._github = github
        self._finder = PullRequestFinder(github, main)
        self._contributors = Contributors(github, main)
        self._teams = teams
        self._trees = AnswerCache()

    @property
    def branch(self) -> str:
        return self._finder.branch

    def merged(self, sha: str) -> ReviewedPullRequest | None:
        with self._github.request(f"find the pull request of {sha[:7]}"):
            found = self._finder.merged(sha)
            return self._reviewed(found) if found is not None else None

    def first_commit(self, sha: str) -> str:
        with self._github.request(f"find the pull request of {sha[:7]}"):
            return self._finder.first_commit(sha)

    def open(self, head: str) -> ReviewedPullRequest | None:
        found = self._finder.open(head)
        if found is None:
            return None
        with self._github.request(f"read #{found.pull.number}"):
            return self._reviewed(found)

    def reviewer(self, login: str) -> Reviewer:
        purpose = f"read what @{login} may do"
        if login.lower() in self._github.reader.emails:
            return self._known_reviewer(login, purpose)
        user = self._github.unless_missing(
            purpose, lambda: self._github.client.get_user(login).complete()
        )
        if user is None:
            return Reviewer(is_person=False, permission="none", exists=False)
        with self._github.request(purpose):
            if user.type != "User" or login.endswith("[bot]"):
                return Reviewer(is_person=False, permission="none")
            permission = self._github.repo.get_collaborator_permission(login)
            mails = frozenset({user.email.lower()} if user.email else ())
        return Reviewer(True, permission, mails)

    def _known_reviewer(self, login: str, purpose: str) -> Reviewer:
        """A person whose account was read together with the pull request."""
        permission = self._github.unless_missing(
            purpose, lambda: self._github.repo.get_collaborator_permission(login)
        )
        if permission is None:
            return Reviewer(is_person=False, permission="none", exists=False)
        email = self._github.reader.emails[login.lower()]
        return Reviewer(True, permission, frozenset({email.lower()} if email else ()))

    def team_members(self, team: str) -> frozenset[str]:
        return team_members(self._teams, team)

    def blob_id(self, sha: str, file: str) -> str | None:
        """Return a file's blob id. The ids of all files of a commit come in one answer."""
        files = self._trees.get((sha,), lambda: self._tree(sha))
        if files is not None:
            return files.get(file)
        content = self._github.unless_missing(
            f"read {file} at {sha[:7]}", lambda: self._github.repo.get_contents(file, ref=sha)
        )
        return None if content is None or isinstance(content, list) else content.sha

    def blob(self, blob_id: str, file: str) -> bytes:
        with self._github.request(f"read {file}"):
            return base64.b64decode(self._github.repo.get_git_blob(blob_id).content)

    def _tree(self, sha: str) -> dict[str, str] | None:
        """The files of a commit and their blob ids; None if there are more than GitHub lists."""
        tree: dict[str, Any] | None = self._github.unless_missing(
            f"read the files of {sha[:7]}",
            lambda: self._github.repo.get_git_tree(sha, recursive=True).raw_data,
        )
        if tree is None:
            return {}
        if tree.get("truncated"):
            return None
        return {entry["path"]: entry["sha"] for entry in tree["tree"] if entry["type"] == "blob"}

    def _reviewed(self, found: FoundPullRequest) -> ReviewedPullRequest:
        pull, opener = found.pull, found.pull.user
        if opener is None:  # an app that was deleted, as which somebody may have acted
            raise ForgeFailure(
                f"GitHub does not name who opened #{pull.number}.",
                fix="Close it and open another pull request of the branch.",
            )
        _check_complete(found)
        # The list of open pull requests leaves this out, and PyGithub would read it by a request.
        merger = pull.merged_by if pull.merged_at else None
        authored = self._contributors.authored(found.commits)
        pushers = self._contributors.pushers(pull, found.commits, authored)
        participants = [participant("opened", opener), *pushers]
        participants += [participant("merged", merger)] if merger else []

        dispatchers: frozenset[str] = frozenset()
        if opener.type == "Bot":
            dispatchers = self._contributors.dispatchers(pull.created_at)
        return ReviewedPullRequest(
            number=pull.number,
            head=pull.head.sha,
            opened_by=opener.login,
            makers=self._contributors.makers(authored, pushers),
            dispatched_by=dispatchers,
            reviews=tuple(_submitted_reviews(found)),
            merged_by=f"@{merger.login}" if merger and merger.type != "Bot" else None,
            merged_at=format_datetime(pull.merged_at) if pull.merged_at else None,
            bot=self._contributors.bot(opener, authored),
            messages=tuple(_message(commit) for commit in found.commits),
            participants=tuple(participants),
        )


def _check_complete(found: FoundPullRequest) -> None:
    """Raise ValueError if GitHub leaves out what shows who had a part in a pull request."""
    pull = found.pull
    needed = [pull.head.ref, pull.head.sha, pull.user.type]
    needed += [commit.sha for commit in found.commits]
    if pull.head.repo is not None:  # null for a fork that was deleted
        needed.append(pull.head.repo.full_name)
    if None in needed:
        raise ValueError("a pull request without its head, its commits or its opener's type")


def _message(commit: Commit) -> MessageOfCommit:
    author = commit.commit.author
    by = f"{author.name} <{author.email}>" if author else ""
    if commit.author:
        by = f"@{commit.author.login}"
    return MessageOfCommit(commit.sha, by, commit.commit.message)


def _submitted_reviews(found: FoundPullRequest) -> Iterator[Review]:
    """GitHub lists a review that is still being written to its author alone. It says nothing yet,
    and leaves the earlier one in force."""
    reviews = found.pull.get_reviews() if found.reviews is None else found.reviews
    yield from (_review(review) for review in reviews if review.state != _UNSUBMITTED)


def _review(review: PullRequestReview) -> Review:
    user, at = review.user, review.submitted_at
    if review.state is None:
        raise ValueError("a review without a state")
    return Review(
        user.login if user else None,
        review.state,
        review.commit_id,
        review.id,
        user.id if user else None,
        format_datetime(at) if at else None,
    )
