"""Comments that a run keeps up to date: one of each key."""

from __future__ import annotations

from mlflow_gitops.edges.forge import LOCKED, marked
from mlflow_gitops.edges.github.connection import GitHubConnection
from mlflow_gitops.edges.github.own_texts import MAX_BODY, is_ours
from mlflow_gitops.edges.system.redaction import without_environment_secrets
from mlflow_gitops.errors import ForgeFailure


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
        comments = [comment for comment in issue.get_comments() if is_ours(github, comment, key)]

        # Two runs at the same time may both have seen no comment and created one.
        for surplus in comments[1:]:
            surplus.delete()

        if not comments:
            return str(issue.create_comment(text).html_url) if create else None
        if comments[0].body != text:
            comments[0].edit(text)
        return str(comments[0].html_url)
