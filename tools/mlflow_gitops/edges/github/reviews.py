"""Read from GitHub the facts that the approval rule judges (RULES R3): who made a pull request, who
reviewed it, and which manifest they saw."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qsl, quote, urlsplit

from mlflow_gitops.core.history.approvals import Review, ReviewedPullRequest, Reviewer, makers
from mlflow_gitops.core.times import format_datetime
from mlflow_gitops.edges.forge import AnswerCache, ClonedMainBranch
from mlflow_gitops.edges.github.connection import GitHubConnection
from mlflow_gitops.edges.github.pull_requests import FoundPullRequest, PullRequestFinder
from mlflow_gitops.errors import ForgeFailure

if TYPE_CHECKING:
    from github.Commit import Commit
    from github.PullRequest import PullRequest
    from github.PullRequestReview import PullRequestReview
    from github.WorkflowRun import WorkflowRun

_RERUNS = timedelta(days=31)
"""How long after its first attempt GitHub lets a workflow run be started again."""
_DISPATCHES = ("workflow_dispatch", "repository_dispatch")
_NO_SUCH_THING = (404, 409, 422)
"""Statuses that mean: GitHub does not have it (409: the repository is empty)."""

MAX_ACTIVITY_PAGES = 30
"""Pages of 100 activities that are read of one branch."""
_NEXT_PAGE = re.compile(r'<(?P<url>[^<>]+)>; *rel="next"')

_Answer = TypeVar("_Answer")


class GitHubReviews:
    """The facts about pull requests into one main branch (`edges.forge.ReviewFacts`)."""

    def __init__(self, github: GitHubConnection, main: ClonedMainBranch) -> None:
        self._github = github
        self._main = main
        self._finder = PullRequestFinder(github, main)
        self._trees = AnswerCache()

    @property
    def branch(self) -> str:
        return self._finder.branch

    def merged(self, sha: str) -> ReviewedPullRequest | None:
        with self._github.request(f"find the pull request of {sha[:7]}"):
            found = self._finder.merged(sha)
            return self._reviewed(found) if found is not None else None

    def open(self, head: str) -> ReviewedPullRequest | None:
        found = self._finder.open(head)
        if found is None:
            return None
        with self._github.request(f"read #{found.pull.number}"):
            return self._reviewed(found)

    def reviewer(self, login: str) -> Reviewer:
        with self._github.request(f"read what @{login} may do"):
            user = self._github.client.get_user(login)
            if user.type != "User" or login.endswith("[bot]"):
                return Reviewer(is_person=False, permission="none")
            permission = self._github.repo.get_collaborator_permission(login)
            mails = frozenset({user.email.lower()} if user.email else ())
        return Reviewer(True, permission, mails)

    def blob_id(self, sha: str, file: str) -> str | None:
        """Return a file's blob id. The ids of all files of a commit come in one answer."""
        files = self._trees.get((sha,), lambda: self._tree(sha))
        if files is not None:
            return files.get(file)
        content = self._unless_missing(
            f"read {file} at {sha[:7]}", lambda: self._github.repo.get_contents(file, ref=sha)
        )
        return None if content is None or isinstance(content, list) else content.sha

    def blob(self, blob_id: str, file: str) -> bytes:
        with self._github.request(f"read {file}"):
            return base64.b64decode(self._github.repo.get_git_blob(blob_id).content)

    def _tree(self, sha: str) -> dict[str, str] | None:
        """The files of a commit and their blob ids; None if there are more than GitHub lists."""
        tree: dict[str, Any] | None = self._unless_missing(
            f"read the files of {sha[:7]}",
            lambda: self._github.repo.get_git_tree(sha, recursive=True).raw_data,
        )
        if tree is None:
            return {}
        if tree.get("truncated"):
            return None
        return {entry["path"]: entry["sha"] for entry in tree["tree"] if entry["type"] == "blob"}

    # -- who made a pull request, and who reviewed it -----------------------------------------

    def _reviewed(self, found: FoundPullRequest) -> ReviewedPullRequest:
        pull, opener, merger = found.pull, found.pull.user, found.pull.merged_by
        authored = [commit for commit in found.commits if not self._is_update(commit)]
        made_by = makers(
            (
                _names(commit.author, commit.commit.author),
                _names(commit.committer, commit.commit.committer),
                commit.commit.message,
            )
            for commit in authored
        )
        for login in self._pushers(pull, {commit.sha for commit in authored}):
            made_by.setdefault(login.lower(), "pushed to it")

        dispatchers: frozenset[str] = frozenset()
        if opener and opener.type == "Bot":
            dispatchers = self._dispatchers(pull.created_at)
        return ReviewedPullRequest(
            number=pull.number,
            head=pull.head.sha,
            opened_by=opener.login if opener else None,
            makers=made_by,
            dispatched_by=dispatchers,
            reviews=tuple(_review(review) for review in pull.get_reviews()),
            merged_by=f"@{merger.login}" if merger and merger.type != "Bot" else None,
            merged_at=format_datetime(pull.merged_at) if pull.merged_at else None,
            bot=self._bot(opener, authored),
            messages=tuple(commit.commit.message for commit in found.commits),
        )

    def _is_update(self, commit: Commit) -> bool:
        """Whether a commit is a merge of the main branch as git makes it itself ("Update branch"):
        nobody is its author. One that says anything of its own is not."""
        parents = [parent.sha for parent in commit.parents]
        return (
            len(parents) == 2
            and parents[1] in self._main.line()
            and self._main.git.is_plain_merge(commit.sha, *parents)
        )

    def _bot(self, opener: Any, commits: Sequence[Commit]) -> str | None:
        """The bot that opened a pull request or committed to it, if it is not the configured app.
        Whoever can write to a branch can let a workflow act as the bot."""
        people = [opener]
        for commit in commits:
            people += [commit.author, commit.committer]
        bots = {person.login for person in people if person and person.type == "Bot"}
        return next((bot for bot in sorted(bots) if not self._is_our_app(bot)), None)

    def _is_our_app(self, bot: str) -> bool:
        """Whether a bot is the GitHub App that the variable MLFLOW_GITOPS_APP_CLIENT_ID names."""
        client_id = os.environ.get("MLFLOW_GITOPS_APP_CLIENT_ID")
        if not client_id:
            return False
        slug = quote(bot.removesuffix("[bot]"), safe="")
        app = self._unless_missing(
            f"read which app @{bot} is",
            lambda: self._github.client.requester.requestJsonAndCheck("GET", f"/apps/{slug}")[1],
        )
        return app is not None and app.get("client_id") == client_id

    def _pushers(self, pull: PullRequest, commits: set[str]) -> Iterator[str]:
        """Who pushed commits of a pull request. Anybody can write another's name into a commit, but
        a push requires a login.

        GitHub Enterprise Server before 3.10 does not have this, and a fork may be hidden.
        """
        home = pull.head.repo
        if home is None:
            return
        hidden = () if self._github.owns(home) else (403,)
        pushes = self._unless_missing(
            f"read who pushed {pull.head.ref}",
            lambda: self._activity(home.full_name, pull.head.ref),
            *hidden,
        )
        for push in pushes or ():
            if push.get("actor") and push.get("after") in commits:
                yield push["actor"]["login"]

    def _activity(self, repository: str, branch: str) -> list[dict[str, Any]]:
        """Everything that happened to a branch. Raises ForgeFailure if it is more than is read: the
        first push may be on the last page."""
        parameters: dict[str, Any] = {"ref": f"refs/heads/{branch}", "per_page": 100}
        path = f"/repos/{repository}/activity"
        activity: list[dict[str, Any]] = []
        for _ in range(MAX_ACTIVITY_PAGES):
            headers, page = self._github.client.requester.requestJsonAndCheck(
                "GET", path, parameters=parameters
            )
            activity += page
            following = _NEXT_PAGE.search(headers.get("link") or "")
            if following is None:
                return activity
            parameters = dict(parse_qsl(urlsplit(following["url"]).query))
        raise ForgeFailure(
            f"the branch {branch} has more than {MAX_ACTIVITY_PAGES * 100} activities, and who made"
            " the rest is not read.",
            fix="Open the pull request from a new branch.",
        )

    def _dispatchers(self, opened: datetime) -> frozenset[str]:
        """Who may have started the workflow that opened a pull request at that time.

        What a pull request's text claims about its origin can be edited. Therefore everybody
        counts who dispatched a run that began before that time and ended after it, and everybody
        who started such a run again.
        """
        created = f"{format_datetime(opened - _RERUNS)}..{format_datetime(opened)}"
        runs = [
            run
            for event in _DISPATCHES
            for run in self._github.repo.get_workflow_runs(event=event, created=created)
            if run.created_at <= opened <= run.updated_at or run.status != "completed"
        ]
        return frozenset(login.lower() for run in runs for login in self._starters(run))

    def _starters(self, run: WorkflowRun) -> Iterator[str]:
        yield from (user.login for user in (run.actor, run.triggering_actor) if user)
        for attempt in range(1, run.run_attempt or 1):
            earlier = self._github.get(f"actions/runs/{run.id}/attempts/{attempt}")
            for role in ("actor", "triggering_actor"):
                if earlier.get(role):
                    yield earlier[role]["login"]

    def _unless_missing(
        self, purpose: str, request: Callable[[], _Answer], *also_missing: int
    ) -> _Answer | None:
        """Return an answer; None if GitHub does not have it, or answers with `also_missing`."""
        try:
            with self._github.request(purpose):
                return request()
        except ForgeFailure as failure:
            if failure.status in (*_NO_SUCH_THING, *also_missing):
                return None
            raise


def _review(review: PullRequestReview) -> Review:
    user, at = review.user, review.submitted_at
    return Review(
        user.login if user else None,
        review.state,
        review.commit_id,
        review.id,
        user.id if user else None,
        format_datetime(at) if at else None,
    )


def _names(user: Any, signature: Any) -> list[str]:
    """What names the maker of a commit: the login, if GitHub knows the address, and the address."""
    names = (user.login if user else None, signature.email if signature else None)
    return [name for name in names if name]
