"""What an MLflow server says of itself and of its user's rights, for `doctor`. Nothing is written
to find out.

MLflow's basic-auth app tells users their own rights on a model (3.17: `users/permissions/get`);
other servers do not. The client has no public call for it that works without the server's own
dependencies, so its transport is used, and whatever goes wrong there only means that it cannot be
told.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

_RIGHT = "/api/3.0/mlflow/users/permissions/get"
_MOST = 100
"""Models that are asked about, one request each."""
_TIMEOUT = 10


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What a server tells: its version, the user whose credentials are set, whether a token is, and
    the rights on models."""

    version: str | None = None
    user: str | None = None
    token: bool = False
    rights: dict[str, str] | None = None


def credentials(uri: str) -> ServerFacts:
    """The user and whether there is a token, as MLflow's own client takes them: variables, or its
    credentials file."""
    try:
        known = _known(uri)
    except (
        Exception
    ):  # half of a user's name and password is an error there; it is as if none were set
        return ServerFacts()
    user = known.username or os.environ.get("MLFLOW_TRACKING_USERNAME") or None
    return ServerFacts(user=user, token=bool(known.token))


def ask(uri: str, models: Collection[str]) -> ServerFacts:
    """What a server that answers tells of itself and of these models."""
    known = credentials(uri)
    version = _get(uri, "/version", {})
    rights: dict[str, str] | None = None
    if known.user:
        rights = {}
        for name in sorted(models)[:_MOST]:
            answer = _get(
                uri,
                _RIGHT,
                {"username": known.user, "resource_type": "registered_model", "resource_id": name},
            )
            right = answer.get("permission") if isinstance(answer, dict) else None
            if not isinstance(right, str):
                rights = None
                break
            rights[name] = right
    return ServerFacts(
        version if isinstance(version, str) and len(version) < 30 else None,
        known.user,
        known.token,
        rights or None,
    )


def _known(uri: str) -> Any:
    from mlflow.utils import credentials

    take: Any = credentials.get_default_host_creds
    return take(uri)


def _get(uri: str, path: str, parameters: dict[str, str]) -> Any:
    """The answer to one request, JSON or a line of text; None for any other."""
    from mlflow.utils import rest_utils

    send: Any = rest_utils.http_request
    try:
        answer = send(
            _known(uri),
            path,
            "GET",
            max_retries=0,
            timeout=_TIMEOUT,
            raise_on_status=False,
            params=parameters,
        )
        if answer.status_code != 200:
            return None
        return (
            answer.json()
            if "json" in answer.headers.get("Content-Type", "")
            else answer.text.strip()
        )
    except Exception:  # see the module's text
        return None
