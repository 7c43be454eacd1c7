"""How a request reaches an endpoint of the GitHub of the tests, and in what form an answer leaves
it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.support.github.permissions import Permissions
from tests.support.github_state import Refused, Repository

if TYPE_CHECKING:
    from tests.support.github_api import GitHubAPI

Endpoint = Callable[..., Any]
ROUTES: list[tuple[str, re.Pattern[str], Endpoint]] = []


@dataclass(frozen=True)
class Token:
    """Who a token is, and what it may do. An installation's token (an app's, or a workflow's) has
    no user of its own.

    `denied` are pairs of method and pattern of the path below the repository.
    """

    login: str
    installation: bool = False
    denied: tuple[tuple[str, str], ...] = ()
    blind: bool = False
    """It may not even see the repository."""
    permissions: Permissions | None = None
    """What it may do, by scope; None for everything."""


@dataclass
class Page:
    """A list that GitHub gives in pages. `key` is the field it stands in, where it is not the whole
    answer, and `others` are the fields beside it."""

    items: list[Any]
    key: str | None = None
    others: dict[str, Any] = field(default_factory=dict)


@dataclass
class Call:
    """One request, as an endpoint sees it."""

    api: GitHubAPI
    token: Token
    method: str
    path: str
    query: dict[str, str]
    body: dict[str, Any]

    @property
    def repo(self) -> Repository:
        return self.api.repository

    def needs(self, *fields: str) -> list[Any]:
        missing = [name for name in fields if not self.body.get(name)]
        if missing:
            errors = [
                {"resource": "Request", "field": name, "code": "missing_field"} for name in missing
            ]
            raise Refused(422, "Validation Failed", *errors)
        return [self.body[name] for name in fields]


def route(verb: str, path: str) -> Callable[[Endpoint], Endpoint]:
    repo = "/repos/(?P<owner>[^/]+)/(?P<name>[^/]+)"
    pattern = re.sub(
        r"\{(\w+)\}",
        r"(?P<\1>[^/]+)",
        path.replace("{repo}", repo).replace("{path+}", "(?P<path>.+)"),
    )

    def keep(endpoint: Endpoint) -> Endpoint:
        ROUTES.append((verb, re.compile(pattern), endpoint))
        return endpoint

    return keep
