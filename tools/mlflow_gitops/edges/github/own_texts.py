"""Comments and issues that are ours: recognised by a hidden marker and by their author.

Anybody can copy the marker into a text of their own, which is therefore left alone.
"""

from __future__ import annotations

from typing import Any

from mlflow_gitops.edges.forge import marker
from mlflow_gitops.edges.github.connection import GitHubConnection

MAX_BODY = 65_536
"""Characters of a comment, an issue or a pull request that GitHub accepts."""


def is_ours(github: GitHubConnection, text: Any, key: str) -> bool:
    """Whether a comment or an issue has the key's marker and was written by the token's login."""
    if text.user is None or marker(key) not in (text.body or ""):
        return False
    # For an app, REST adds `[bot]` to the name that GraphQL returns.
    author = text.user.login
    if text.user.type == "Bot":
        author = author.removesuffix("[bot]")
    return bool(author.lower() == github.login.removesuffix("[bot]").lower())
