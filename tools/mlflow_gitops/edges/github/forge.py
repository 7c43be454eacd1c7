"""GitHub as a `Forge`: pull requests, statuses, comments, issues and settings of one repository."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from mlflow_gitops.edges import forge
from mlflow_gitops.edges.forge import ClonedMainBranch, CommitStatus, StatusState
from mlflow_gitops.edges.github import comments, issues
from mlflow_gitops.edges.github.api import lag
from mlflow_gitops.edges.github.connection import GitHubConnection
from mlflow_gitops.edges.github.own_texts import MAX_BODY, author_of, is_own_login
from mlflow_gitops.edges.markers import marked
from mlflow_gitops.edges.system.redaction import redact

if TYPE_CHECKING:
    from github.PullRequest import PullRequest

    from mlflow_gitops.core.audit.record.forge_answers import ForgeRun
    from mlflow_gitops.core.setup.doctor import CheckResult
    from mlflow_gitops.core.setup.workflow_files import Job
    from mlflow_gitops.edges.github.reviews import GitHubReviews

MAX_TITLE = 256
"""Characters that GitHub accepts as the title of a pull request."""
MAX_DESCRIPTION = 140
"""Characters that GitHub accepts in a commit status."""


class GitHub:
    """One repository on GitHub. Every method raises ForgeFailure."""

    name = "GitHub"
    area = "github"
    permission_hint = (
        "Set GITHUB_TOKEN to a token that may read this repository's administration, environments,"
        " actions and secrets."
    )

    def __init__(self, connection: GitHubConnection, teams: GitHubConnection | None = None) -> None:
        """`teams` is the connection with the token that may read teams, if it is another."""
        self.connection = connection
        self._teams = teams or connection

    @property
    def default_branch(self) -> str:
        return self.connection.default_branch

    def review_facts(self, main: ClonedMainBranch) -> GitHubReviews:
        from mlflow_gitops.edges.github.reviews import GitHubReviews

        return GitHubReviews(self.connection, main, self._teams)

    def team_members(self, team: str) -> frozenset[str]:
        from mlflow_gitops.edges.github.approvals.teams import team_members

        return team_members(self._teams, team)

    def ci_run(self, url: str) -> ForgeRun | None:
        from mlflow_gitops.edges.github.workflow_runs import read_run

        return read_run(self.connection, url)

    def last_success(self, url: str) -> str | None:
        from mlflow_gitops.edges.github.workflow_runs import read_last_success

        return read_last_success(self.connection, url)

    # -- statuses, comments, issues -----------------------------------------------------------

    def set_status(
        self, sha: str, context: str, state: StatusState, description: str, url: str | None = None
    ) -> None:
        connection = self.connection
        status = {
            "state": state,
            "context": context,
            "description": shorten(redact(description), MAX_DESCRIPTION),
        }
        if url:
            status["target_url"] = url
        with connection.request(f"set the status {context}"):
            connection.client.requester.requestJsonAndCheck(
                "POST", f"{connection.repo.url}/statuses/{sha}", input=status
            )

    def statuses(self, sha: str) -> dict[str, CommitStatus]:
        """The newest status in each of the first hundred contexts."""
        with self.connection.request("read a commit's statuses"):
            answer = self.connection.get_page(f"commits/{sha}/status")
            return {
                status["context"]: CommitStatus(status["state"], status["target_url"])
                for status in answer["statuses"]
            }

    def comment(self, number: int, key: str, body: str, *, create: bool = True) -> str | None:
        return comments.keep_comment(self.connection, number, key, body, create=create)

    def issue(self, key: str, title: str, body: str | None) -> str | None:
        return issues.keep_issue(self.connection, key, title, body)

    def kept_text(self, key: str, number: int | None = None) -> str | None:
        if number is None:
            return issues.issue_text(self.connection, key)
        return comments.comment_text(self.connection, number, key)

    def open_issue_keys(self, prefix: str) -> set[str]:
        return issues.open_issue_keys(self.connection, prefix)

    # -- pull requests ------------------------------------------------------------------------

    def pull_request_at(
        self, head: str, base: str, *, may_be_new: bool = False
    ) -> forge.PullRequest | None:
        pull = lag.repeat(
            lambda: self.connection.pull_request_at(head, base),
            lambda pull: pull is None,
            self.connection.pauses if may_be_new else (),
        )
        return _pull_request(pull) if pull is not None else None

    def open_pull_requests(self, prefix: str, base: str) -> dict[str, forge.PullRequest]:
        with self.connection.request("list the open pull requests"):
            pulls = self.connection.repo.get_pulls(
                state="open", sort="created", direction="asc", base=base
            )
            return {
                pull.head.ref: _listed(pull)
                for pull in pulls
                if pull.head.ref.startswith(prefix) and self.connection.owns(pull.head.repo)
            }

    def closed_pull_requests(self, branch: str, base: str) -> list[forge.PullRequest]:
        head = f"{self.connection.owner}:{branch}"
        with self.connection.request(f"list the pull requests of {branch}"):
            pulls = self.connection.repo.get_pulls(state="closed", head=head, base=base)
            return [_listed(pull) for pull in pulls if self._is_of(pull, branch)]

    def open_pull_request(
        self, branch: str, title: str, body: str, base: str, *, key: str | None = None
    ) -> str:
        repo, head = self.connection.repo, f"{self.connection.owner}:{branch}"
        title = shorten(title, MAX_TITLE)
        if key is not None:
            body = marked(key, body, MAX_BODY)
        with self.connection.request(f"open a pull request of {branch}"):
            for pull in repo.get_pulls(state="open", head=head, base=base):
                if not self._is_of(pull, branch):
                    continue
                if (pull.title, pull.body or "") != (title, body):
                    pull.edit(title=title, body=body)
                return str(pull.html_url)
            return str(_create_pull(self.connection, branch, title, body, base).html_url)

    def _is_of(self, pull: PullRequest, branch: str) -> bool:
        """Whether a pull request is of this repository's own branch. Nothing is written to another
        one, even if GitHub lists it."""
        return pull.head.ref == branch and self.connection.owns(pull.head.repo)

    def is_ours(self, pull: forge.PullRequest) -> bool:
        return is_own_login(self.connection, pull.author)

    def close_pull_request(self, number: int, body: str, comment: str) -> None:
        with self.connection.request(f"close #{number}"):
            issue = self.connection.repo.get_issue(number)
            issue.edit(body=body, state="closed")
            issue.create_comment(comment)

    # -- settings -----------------------------------------------------------------------------

    def check_settings(
        self, branches: forge.ProtectedBranches, jobs: Sequence[Job], environments: Collection[str]
    ) -> Iterator[CheckResult]:
        from mlflow_gitops.edges.github import settings, settings_checks

        repository = settings.read_settings(self.connection, branches, jobs, environments)
        yield from settings_checks.check(repository)


def _create_pull(
    connection: GitHubConnection, branch: str, title: str, body: str, base: str
) -> PullRequest:
    """Open a pull request of a branch that may have been pushed a moment ago."""
    from github import GithubException

    for pause in (*connection.pauses, None):
        try:
            return connection.repo.create_pull(base=base, head=branch, title=title, body=body)
        except GithubException as error:
            if pause is None or not lag.is_unknown_head(error):
                raise
            time.sleep(pause)
    raise AssertionError("the last try returns or raises")


def shorten(text: str, limit: int) -> str:
    """Cut a text to `limit` characters; an ellipsis marks the cut."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _listed(pull: PullRequest) -> forge.PullRequest:
    """A pull request of a list, with its author."""
    return replace(_pull_request(pull), author=author_of(pull))


def _pull_request(pull: PullRequest) -> forge.PullRequest:
    return forge.PullRequest(
        number=pull.number,
        branch=pull.head.ref,
        head=pull.head.sha,
        ref=f"refs/pull/{pull.number}/head",
        is_merged=pull.merged_at is not None,
        body=pull.body or "",
        url=pull.html_url,
    )
