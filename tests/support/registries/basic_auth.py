"""MLflow servers with the basic-auth app, and who acts on them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from tests.support.servers import mlflow_server

ADMIN = MappingProxyType(
    {"MLFLOW_TRACKING_USERNAME": "admin", "MLFLOW_TRACKING_PASSWORD": "an admin password 0"}
)


@contextmanager
def basic_auth_server(
    folder: Path,
    *,
    default: str = "READ",
    python: Path = Path(sys.executable),
    backend: str | None = None,
) -> Iterator[str]:
    """A server on which people may do what `default` permits, and more by grants alone. `backend`
    is its store; without it, one is made in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "auth.ini"
    config.write_text(
        f"[mlflow]\ndefault_permission = {default}\ndatabase_uri = sqlite:///{folder / 'auth.db'}\n"
        "admin_username = admin\nadmin_password = an admin password 0\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
        # Without it the password is hashed at each request, which takes 0.1 s of the processor.
        "auth_cache_ttl_seconds = 600\n"
    )
    env = {
        "MLFLOW_AUTH_CONFIG_PATH": str(config),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "only for tests",
    }
    backend = backend or f"sqlite:///{folder / 'mlflow.db'}"
    extra = ("--app-name", "basic-auth")
    with mlflow_server(folder, backend, env=env, extra=extra, python=python) as address:
        yield address


@contextmanager
def acting_as(user: str, password: str) -> Iterator[None]:
    """Let MLflow's client use these credentials."""
    before: Mapping[str, str | None] = {key: os.environ.get(key) for key in ADMIN}
    os.environ.update(zip(ADMIN, (user, password), strict=True))
    try:
        yield
    finally:
        for key, value in before.items():
            os.environ.pop(key, None)
            if value is not None:
                os.environ[key] = value


def create_user(address: str, user: str, password: str) -> None:
    """Create an account, as the administrator that MLflow's client acts as."""
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import http_request

    path = "/api/2.0/mlflow/users/create"
    fields = {"username": user, "password": password}
    http_request(get_default_host_creds(address), path, "POST", json=fields)
