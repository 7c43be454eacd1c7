"""Comments and issues that a run keeps up to date: one of each key, recognised by a hidden marker
and by its author.

Anybody can copy the marker into a text of their own, which is therefore left alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlflow_gitops.edges.forge import LOCKED, marked, marker
from mlflow_gitops.edges.github.connection import GitHubConnection
from mlflow_gitops.edges.system.redaction import without_environment_secrets
from mlflow_gitops.errors import ForgeFailure

if TYPE_CHECKING:
    from github.Issue import Issue

MAX_BODY = 65_536
"""Characters of a comment, an issue or a pull request that GitHub accepts."""
_CLOSING = "Everything is in order again."


def keep_comment(
    github: GitHubConnection, number: int, key: str, body: str, *, create: bool
) -> str | None:
    """Create or update our comment with this key on a pull request or issue. Returns its URL."""
    try:
        return _keep_comment(github, number, key, body, create=create)
    except ForgeFailure as failure:
        if failure.status != 403 or not _is_locked(github, number):
            raise
        raise ForgeFailure(
            f"The conversation of #{number} is locked, so nothing was commented.",
            failure.status,
            fix="Unlock it.",
            code=LOCKED,
        ) from None


def _is_locked(github: GitHubConnection, number: int) -> bool:
    """Whether a conversation is locked. GitHub refuses comments there with the status of a missing
    permission."""
    with github.request(f"read #{number}"):
        return bool(github.repo.get_issue(number).locked)


def _keep_comment(
    github: GitHubConnection, number: int, key: str, body: str, *, create: bool
) -> str | None:
    text = marked(key, without_environment_secrets()(body), MAX_BODY)
    with github.request(f"comment on #{number}"):
        issue = github.repo.get_issue(number)
        comments = [comment for comment in issue.get_comments() if _is_ours(github, comment, key)]

        # Two runs at the same time may both have seen no comment and created one.
        for surplus in comments[1:]:
            surplus.delete()

        if not comments:
            return str(issue.create_comment(text).html_url) if create else None
        if comments[0].body != text:
            comments[0].edit(text)
        return str(comments[0].html_url)


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


def _keep_issue(github: GitHubConnection, key: str, title: str, body: str | None) -> str | None:
    with github.request("keep the issue about drift"):
        issues = [issue for issue in _our_open_issues(github) if _is_ours(github, issue, key)]
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


def _is_ours(github: GitHubConnection, text: Any, key: str) -> bool:
    """Whether a comment or an issue has the key's marker and was written by the token's login."""
    if text.user is None or marker(key) not in (text.body or ""):
        return False
    # For an app, REST adds `[bot]` to the name that GraphQL returns.
    author = text.user.login
    if text.user.type == "Bot":
        author = author.removesuffix("[bot]")
    return bool(author.lower() == github.login.removesuffix("[bot]").lower())
