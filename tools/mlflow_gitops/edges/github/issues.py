"""Issues that a run keeps up to date: one open issue of each key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlflow_gitops.edges.github.connection import GitHubConnection
from mlflow_gitops.edges.github.own_texts import MAX_BODY, author_of, is_ours, is_own_login
from mlflow_gitops.edges.markers import key_of, marked
from mlflow_gitops.edges.system.redaction import without_environment_secrets
from mlflow_gitops.errors import ForgeFailure

if TYPE_CHECKING:
    from github.Issue import Issue

_CLOSING = "Everything is in order again."


def keep_issue(github: GitHubConnection, key: str, title: str, body: str | None) -> str | None:
    """Create or update our open issue with this key, and return its URL; `body` None closes it.

    If the repository's issues are disabled, there is none to close.
    """
    try:
        return _keep_issue(github, key, title, body)
    except ForgeFailure as failure:
        if body is None and failure.status == 410:
            return None
        raise


def open_issue_keys(github: GitHubConnection, prefix: str) -> set[str]:
    """The keys of our open issues that start with `prefix`; none if issues are disabled."""
    try:
        with github.request("list the open issues"):
            issues = _our_open_issues(github)
            own_issues = [issue for issue in issues if is_own_login(github, author_of(issue))]
            keys = {key_of(issue.body or "") for issue in own_issues}
            return {key for key in keys if key is not None and key.startswith(prefix)}
    except ForgeFailure as failure:
        if failure.status == 410:
            return set()
        raise


def issue_text(github: GitHubConnection, key: str) -> str | None:
    """The text of our open issue with this key; None if there is none, or issues are disabled."""
    try:
        with github.request("read the issue about drift"):
            issues = _our_open_issues(github)
            return next((issue.body for issue in issues if is_ours(github, issue, key)), None)
    except ForgeFailure as failure:
        if failure.status == 410:
            return None
        raise


def _keep_issue(github: GitHubConnection, key: str, title: str, body: str | None) -> str | None:
    with github.request("keep the issue about drift"):
        issues = [issue for issue in _our_open_issues(github) if is_ours(github, issue, key)]
        for surplus in issues[1:]:
            surplus.edit(state="closed")

        if body is None:
            for issue in issues[:1]:
                issue.create_comment(_CLOSING)
                issue.edit(state="closed")
            return None

        text = marked(key, without_environment_secrets()(body), MAX_BODY)
        if not issues:
            return str(github.repo.create_issue(title, text).html_url)
        if (issues[0].title, issues[0].body) != (title, text):
            issues[0].edit(title=title, body=text)
        return str(issues[0].html_url)


def _our_open_issues(github: GitHubConnection) -> list[Issue]:
    """Our open issues, oldest first. GitHub lists pull requests among them."""
    author = github.client.get_user(github.login)
    issues = github.repo.get_issues(state="open", creator=author, sort="created", direction="asc")
    return [issue for issue in issues if issue.pull_request is None]
