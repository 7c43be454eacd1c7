"""Comments and issues that are ours: recognised by a hidden marker and by their author.

Anybody can copy the marker into a text of their own, which is therefore left alone.
"""

from __future__ import annotations

from typing import Any

from mlflow_gitops.edges.github.connection import GitHubConnection
from mlflow_gitops.edges.markers import marker

MAX_BODY = 65_536
"""Characters of a comment, an issue or a pull request that GitHub accepts."""


def is_ours(github: GitHubConnection, text: Any, key: str) -> bool:
    """Whether a comment or an issue has the key's marker and was written by the token's login."""
    return marker(key) in (text.body or "") and is_own_login(github, author_of(text))


def author_of(text: Any) -> str | None:
    """The login of the account that wrote a comment, an issue or a pull request; None if it is
    gone. For an app, REST adds `[bot]` to the name that GraphQL returns, which is left out."""
    if text.user is None:
        return None
    login = str(text.user.login)
    return login.removesuffix("[bot]") if text.user.type == "Bot" else login


def is_own_login(github: GitHubConnection, login: str | None) -> bool:
    """Whether a login, as `author_of` returns it, is that of the token."""
    return login is not None and login.lower() == github.login.removesuffix("[bot]").lower()
