"""The activity of a branch: each push to it, as GitHub lists them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from mlflow_gitops.edges.github.connection import GitHubConnection
from mlflow_gitops.errors import ForgeFailure

MAX_ACTIVITY_PAGES = 30
"""Pages of 100 activities that are read of one branch."""
_ACTIVITY_SINCE = (3, 10)
"""The version of GitHub Enterprise Server that lists activity first."""
_VERSION = re.compile(r"(\d+)\.(\d+)")
_NEXT_PAGE = re.compile(r'<(?P<url>[^<>]+)>; *rel="next"')


class BranchActivity:
    """Reads activity. `is_lacking` says, after a failure, whether it came from a GitHub Enterprise
    Server that cannot list activity yet."""

    def __init__(self, github: GitHubConnection) -> None:
        self._github = github
        self.is_lacking = False

    def of(self, repository: str, branch: str) -> list[dict[str, Any]]:
        """Everything that happened to a branch. Raises ForgeFailure if it is more than is read: the
        first push may be on the last page."""
        parameters: dict[str, Any] = {"ref": f"refs/heads/{branch}", "per_page": 100}
        path = f"/repos/{repository}/activity"
        activity: list[dict[str, Any]] = []
        for _ in range(MAX_ACTIVITY_PAGES):
            headers, page = self._page(path, parameters)
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

    def _page(self, path: str, parameters: dict[str, Any]) -> tuple[dict[str, Any], list[Any]]:
        from github import GithubException

        requester = self._github.client.requester
        try:
            headers, page = requester.requestJsonAndCheck("GET", path, parameters=parameters)
        except GithubException as error:
            self.is_lacking = _is_before_activity(error.headers or {})
            raise
        if not isinstance(page, list):
            raise TypeError("activity is a list")
        return headers, page


def _is_before_activity(headers: Mapping[str, str]) -> bool:
    """Whether an answer comes from a GitHub Enterprise Server that cannot list activity."""
    version = _VERSION.match(headers.get("x-github-enterprise-version") or "")
    return version is not None and (int(version[1]), int(version[2])) < _ACTIVITY_SINCE
