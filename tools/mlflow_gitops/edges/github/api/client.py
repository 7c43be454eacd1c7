"""The PyGithub client of one connection."""

from __future__ import annotations

from github import Auth, Github
from urllib3.util import Retry

from mlflow_gitops.edges.github.api.transport import checked_client

_TIMEOUT = 15
"""Seconds."""


def new_client(token: str, api_url: str, per_page: int) -> Github:
    """A client that sends the token to `api_url` alone.

    Requests that failed for a moment are repeated, except those that create something. A rate limit
    is reported instead of waited for: it may last an hour.
    """
    retry = Retry(
        total=3,
        connect=1,
        backoff_factor=0.5,
        status_forcelist=(500, 502, 503, 504),
        allowed_methods={"GET", "PUT", "PATCH", "DELETE"},
        respect_retry_after_header=False,
        raise_on_status=False,
    )
    return checked_client(
        auth=Auth.Token(token),
        base_url=api_url,
        timeout=_TIMEOUT,
        retry=retry,
        per_page=per_page,
        seconds_between_requests=None,
        seconds_between_writes=None,
        lazy=True,
    )
