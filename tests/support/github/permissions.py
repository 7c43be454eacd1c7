"""What a token of an installation needs for each endpoint, by GitHub's documentation ("Permissions
required for GitHub Apps", version 2022-11-28). A job's own token is one, with the `permissions:` of
the job."""

from __future__ import annotations

import re
from collections.abc import Mapping

Permissions = Mapping[str, str]
"""Scope, as in a workflow, to `read` or `write`."""

_LEVELS = {"none": 0, "read": 1, "write": 2}
_CONVERSATIONS = "issues pull-requests"
_NEEDS = (
    ("GET", r"|collaborators/.+|rules/.+|rulesets/.+", "metadata read"),
    ("GET", r"contents/.+|git/.+|branches/[^/]+|commits/[^/]+|activity", "contents read"),
    ("GET", r"codeowners/errors", "contents read"),
    ("PUT", r"contents/.+|pulls/\d+/merge", "contents write"),
    ("POST|DELETE", r"git/.+|dispatches", "contents write"),
    ("GET", r"commits/[^/]+/pulls|pulls.*", "pull-requests read"),
    ("POST|PATCH|PUT", r"pulls.*", "pull-requests write"),
    ("GET", r"commits/[^/]+/status", "statuses read"),
    ("POST", r"statuses/.+", "statuses write"),
    ("GET", r"issues(/\d+)?", "issues read"),
    ("POST", r"issues", "issues write"),
    ("PATCH", r"issues/\d+", f"{_CONVERSATIONS} write"),
    ("GET", r"issues/\d+/comments", f"{_CONVERSATIONS} read"),
    ("POST", r"issues/\d+/comments", f"{_CONVERSATIONS} write"),
    ("PATCH|DELETE", r"issues/comments/\d+", f"{_CONVERSATIONS} write"),
    ("GET", r"actions/(runs|workflows).*", "actions read"),
    ("POST", r"actions/workflows/.+/dispatches", "actions write"),
)
"""Method, path below the repository, and one of these scopes at this level. What is not listed
takes administration, which no job can have."""


def is_allowed(permissions: Permissions, method: str, path: str) -> bool:
    """Whether a token may use an endpoint. `path` is that below the repository."""
    for methods, pattern, need in _NEEDS:
        if re.fullmatch(methods, method) and re.fullmatch(pattern, path.strip("/")):
            *scopes, level = need.split()
            return any(_has(permissions, scope, level) for scope in scopes)
    return False


def may_query(permissions: Permissions) -> bool:
    """Whether a token may read pull requests and their commits by GraphQL."""
    return _has(permissions, "pull-requests", "read") and _has(permissions, "contents", "read")


def _has(permissions: Permissions, scope: str, level: str) -> bool:
    if scope == "metadata":  # each token has it
        return True
    return _LEVELS[permissions.get(scope, "none")] >= _LEVELS[level]
