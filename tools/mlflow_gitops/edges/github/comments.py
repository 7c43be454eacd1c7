"""Comments that a run keeps up to date: one of each key."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mlflow_gitops.edges.forge import LOCKED
from mlflow_gitops.edges.github.connection import GitHubConnection
from mlflow_gitops.edges.github.own_texts import MAX_BODY, is_ours
from mlflow_gitops.edges.markers import marked
from mlflow_gitops.edges.system.redaction import without_environment_secrets
from mlflow_gitops.errors import ForgeFailure

if TYPE_CHECKING:
    from github.Issue import Issue
    from github.IssueComment import IssueComment


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


def comment_text(github: GitHubConnection, number: int, key: str) -> str | None:
    """The text of our comment with this key on a pull request; None if there is none."""
    with github.request(f"read the comments of #{number}"):
        comments = github.repo.get_issue(number).get_comments()
        return next((comment.body for comment in comments if is_ours(github, comment, key)), None)


def _is_locked(github: GitHubConnection, number: int) -> bool:
    """Whether a pull request's conversation is locked. GitHub refuses comments there with the
    status of a missing permission. Reading it as an issue would take the permission for issues,
    which a plan does not have."""
    with github.request(f"read #{number}"):
        return bool(github.get(f"pulls/{number}")["locked"])


def _keep_comment(
    github: GitHubConnection, number: int, key: str, body: str, *, create: bool
) -> str | None:
    from github import UnknownObjectException

    text = marked(key, without_environment_secrets()(body), MAX_BODY)
    with github.request(f"comment on #{number}"):
        issue = github.repo.get_issue(number)
        known = github.reader.take_comments(number)
        if known is not None:
            try:
                return _write(github, issue, known, (key, text), create=create)
            except UnknownObjectException:
                pass  # somebody deleted it since it was read
        return _write(github, issue, issue.get_comments(), (key, text), create=create)


def _write(
    github: GitHubConnection,
    issue: Issue,
    comments: Iterable[IssueComment],
    content: tuple[str, str],
    *,
    create: bool,
) -> str | None:
    """Write a comment, whose `content` is its key and its text."""
    key, text = content
    ours = [comment for comment in comments if is_ours(github, comment, key)]

    # Two runs at the same time may both have seen no comment and created one.
    for surplus in ours[1:]:
        surplus.delete()

    if not ours:
        return str(issue.create_comment(text).html_url) if create else None
    if ours[0].body != text:
        ours[0].edit(text)
    return str(ours[0].html_url)
