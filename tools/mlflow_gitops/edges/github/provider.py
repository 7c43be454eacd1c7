"""Recognise a repository on GitHub: by GitHub's own variables, else by the remote's address."""

from __future__ import annotations

import os
import re
from urllib.parse import urlsplit

from mlflow_gitops.core.history.web_pages import WebPages
from mlflow_gitops.edges.forge import NotConfigured
from mlflow_gitops.edges.git.repository import Git
from mlflow_gitops.edges.github.approvals.teams import TEAMS_TOKEN
from mlflow_gitops.edges.github.connection import API, GitHubConnection
from mlflow_gitops.edges.github.forge import GitHub
from mlflow_gitops.edges.github.remote_hosts import is_host

_NAME = re.compile(r"^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$")
_REMOTE = re.compile(
    r"^(?:(?P<scheme>[a-z+]+)://)?(?:[^@/]*@)?(?P<host>[^:/]+)(?::\d+)?[:/]"
    r"(?P<name>[^/:]+/[^/]+?)(?:\.git)?/?$"
)


class GitHubProvider:
    """GitHub.com and GitHub Enterprise Server."""

    def connect(self, git: Git | None) -> GitHub | NotConfigured:
        """Take GITHUB_TOKEN, MLFLOW_GITOPS_TEAMS_TOKEN, GITHUB_API_URL, and GITHUB_REPOSITORY or
        else the remote's address."""
        token = _variable("GITHUB_TOKEN")
        if not token:
            return _not_configured("GITHUB_TOKEN", "there is no token", GitHub.permission_hint)

        api_url = _variable("GITHUB_API_URL") or API
        repository = _variable("GITHUB_REPOSITORY") or repository_of(git, api_url)
        if not repository or not _NAME.match(repository):
            setting = "GITHUB_REPOSITORY=owner/name"
            return _not_configured(setting, "no remote is on GitHub", f"Set {setting}.")
        teams_token = _variable(TEAMS_TOKEN) or token
        return GitHub(
            GitHubConnection(repository, token, api_url),
            GitHubConnection(repository, teams_token, api_url),
        )

    def web_pages(self, git: Git) -> WebPages | None:
        api_url = _variable("GITHUB_API_URL") or API
        repository = repository_of(git, api_url)
        if repository is None:
            return None
        host = (urlsplit(api_url).hostname or "").removeprefix("api.")
        home = f"https://{host}/{repository}"
        return WebPages(f"{home}/commit/{{}}", f"{home}/pull/{{}}", f"{home}/compare/{{}}...{{}}")


def repository_of(git: Git | None, api_url: str = API) -> str | None:
    """Return `owner/name` by the remote's address, if that is on the host of the API."""
    remote = git.remote() if git else None
    if git is None or remote is None:
        return None
    address = _REMOTE.match(git.query("remote", "get-url", remote))
    host = (urlsplit(api_url).hostname or "").removeprefix("api.")
    if address is None:
        return None
    uses_ssh = (address["scheme"] or "ssh") in ("ssh", "git+ssh")
    return address["name"] if is_host(host, address["host"], uses_ssh=uses_ssh) else None


def _not_configured(setting: str, reason: str, fix: str) -> NotConfigured:
    detail = f"GitHub cannot be read: {reason}"
    return NotConfigured(GitHub.name, GitHub.area, setting, detail, fix)


def _variable(name: str) -> str:
    return os.environ.get(name, "").strip()
