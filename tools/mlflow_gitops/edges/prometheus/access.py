"""Where Prometheus is, and with which credentials: the environment alone says so.

No file of the repository names the address: the author of a pull request that changes it would get
the credentials, and would answer in Prometheus' place.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from mlflow_gitops.core.secrets import has_secret
from mlflow_gitops.edges.system.redaction import without_credentials

URL = "MLFLOW_GITOPS_PROMETHEUS_URL"
TOKEN = "MLFLOW_GITOPS_PROMETHEUS_TOKEN"
USERNAME = "MLFLOW_GITOPS_PROMETHEUS_USERNAME"
PASSWORD = "MLFLOW_GITOPS_PROMETHEUS_PASSWORD"


class WrongAccess(Exception):
    """The variables name no Prometheus that can be asked. The text is a sentence without a secret,
    and `fix` says what to do."""

    def __init__(self, text: str, fix: str) -> None:
        super().__init__(text)
        self.fix = fix


@dataclass(frozen=True, slots=True)
class Access:
    """An address without a slash at its end, and the credentials for it: a token, or a user with a
    password, or neither."""

    address: str
    token: str | None = field(default=None, repr=False)
    user: str | None = None
    password: str | None = field(default=None, repr=False)


def read_access(environ: Mapping[str, str] = os.environ) -> Access:
    """The access that the environment describes. Raises WrongAccess."""
    address = environ.get(URL, "").strip().rstrip("/")
    token, user = environ.get(TOKEN) or None, environ.get(USERNAME) or None
    password = environ.get(PASSWORD) or None
    if not address:
        raise WrongAccess(f"{URL} is not set", f"Set it: {URL}=https://prometheus.example")

    shown = without_credentials(address)
    parts = _split(address)
    if parts is None or has_secret(address):
        raise WrongAccess(
            f"{URL} is no address that can be used: {shown}",
            f"Set it to https://HOST[:PORT][/PATH], and credentials as {TOKEN} or {USERNAME} and"
            f" {PASSWORD}.",
        )
    if token is not None and user is not None:
        raise WrongAccess(f"{TOKEN} and {USERNAME} are both set", "Set only one of them.")
    if (user is None) != (password is None):
        raise WrongAccess(f"only one of {USERNAME} and {PASSWORD} is set", "Set both of them.")

    scheme, host = parts
    has_credentials = token is not None or user is not None
    if has_credentials and scheme == "http" and not _is_this_machine(host):
        raise WrongAccess(
            f"the credentials of Prometheus are not sent to {shown}, which is not encrypted",
            f"Set {URL} to an address that begins with https://.",
        )
    return Access(address, token, user, password)


def _split(address: str) -> tuple[str, str] | None:
    """Scheme and host; None for what is no plain address of HTTP."""
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return None
    is_plain = not (parts.query or parts.fragment or "@" in parts.netloc or "\\" in address)
    if parts.scheme not in ("http", "https") or not parts.hostname or not is_plain:
        return None
    return parts.scheme, parts.hostname


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
