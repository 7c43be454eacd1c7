"""What an MLflow server reports about itself and about its user's permissions, for `doctor`.
Nothing is written to find out.

MLflow's basic-auth app lets users read their own permissions on a model (3.17:
`users/permissions/get`); other servers do not. The client has no public call for it that works
without the server's own dependencies, so its transport is used. Any error only means that the
permissions are unknown.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from mlflow_gitops.core.observed.server_version import ServerVersion

_PERMISSION_PATH = "/api/3.0/mlflow/users/permissions/get"
_GRANTS_PATH = "/api/3.0/mlflow/users/current/permissions"
_VERSIONS = "registered_model_version"
_RANKS = ("NO_PERMISSIONS", "READ", "USE", "EDIT", "MANAGE", "DENY")
"""Of several grants to one user, the last of these counts (MLflow 3.17: `fold_grants_for_key`)."""

_MAX_MODELS = 100
"""Models whose permissions are read, with one request each."""
_TIMEOUT = 10
_MAX_VERSION_LENGTH = 30
"""Characters of an answer to `/version`: a proxy's error page is longer."""


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What is known of a server's user: the one whose credentials are set, whether a token is set,
    and the user's permission (`READ`, `EDIT`, `MANAGE` …) on each model; None if unknown.
    `version_permission` is the one on the versions of all models, which overrides that on a model;
    None if there is none, as before MLflow 3.17."""

    user: str | None = None
    has_token: bool = False
    permissions: dict[str, str] | None = None
    version_permission: str | None = None


def credentials(uri: str) -> ServerFacts:
    """The user and whether a token is set, from where MLflow's own client takes them: variables or
    its credentials file."""
    try:
        host_credentials = _host_credentials(uri)
    except Exception:  # MLflow refuses a user without a password: then nothing is usable
        return ServerFacts()

    user = host_credentials.username or os.environ.get("MLFLOW_TRACKING_USERNAME") or None
    return ServerFacts(user=user, has_token=bool(host_credentials.token))


def read_access(uri: str, models: Collection[str]) -> ServerFacts:
    """Ask a server that is up for the user's permissions on these models."""
    configured = credentials(uri)
    permissions = _permissions(uri, configured.user, models) if configured.user else None
    granted = _version_permission(uri) if permissions else None
    return ServerFacts(configured.user, configured.has_token, permissions, granted)


def read_version(uri: str) -> ServerVersion:
    """Ask a server what it is."""
    answer = _get(uri, "/version", {})
    is_version = isinstance(answer, str) and len(answer) < _MAX_VERSION_LENGTH
    return ServerVersion(answer if is_version else None)


def _permissions(uri: str, user: str, models: Collection[str]) -> dict[str, str] | None:
    """The user's permission on each model; None if there are no models, or if the server does not
    report one of them."""
    permissions: dict[str, str] = {}
    for name in sorted(models)[:_MAX_MODELS]:
        parameters = {"username": user, "resource_type": "registered_model", "resource_id": name}
        answer = _get(uri, _PERMISSION_PATH, parameters)
        permission = answer.get("permission") if isinstance(answer, dict) else None
        if not isinstance(permission, str):
            return None
        permissions[name] = permission
    return permissions or None


def _version_permission(uri: str) -> str | None:
    """What the user's roles grant on the versions of all models. The server's answer to a question
    about that permission does not tell a grant from the default (3.17)."""
    answer = _get(uri, _GRANTS_PATH, {})
    grants = answer.get("permissions") if isinstance(answer, dict) else None
    if not isinstance(grants, list):
        return None
    granted = {
        grant.get("permission")
        for grant in grants
        if isinstance(grant, dict) and grant.get("resource_type") == _VERSIONS
    }
    return max(granted & set(_RANKS), key=_RANKS.index, default=None)


def _host_credentials(uri: str) -> Any:
    from mlflow.utils import credentials

    get_credentials: Any = credentials.get_default_host_creds
    return get_credentials(uri)


def _get(uri: str, path: str, parameters: dict[str, str]) -> Any:
    """The answer to one request, parsed as JSON or as a line of text; None for any error."""
    from mlflow.utils import rest_utils

    send: Any = rest_utils.http_request
    try:
        answer = send(
            _host_credentials(uri),
            path,
            "GET",
            max_retries=0,
            timeout=_TIMEOUT,
            raise_on_status=False,
            params=parameters,
        )
        if answer.status_code != 200:
            return None
        is_json = "json" in answer.headers.get("Content-Type", "")
        return answer.json() if is_json else answer.text.strip()
    except Exception:  # see the module's docstring
        return None
