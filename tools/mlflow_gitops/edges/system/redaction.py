"""What no output may show: users and passwords in addresses, and secrets in the environment.

Whatever git, database drivers and HTTP clients print passes through `redact` before it becomes a
message, so that no secret reaches a terminal, a log, a receipt or a comment.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, unquote

_SECRET_VARIABLES = (
    "MLFLOW_TRACKING_PASSWORD",
    "MLFLOW_TRACKING_TOKEN",
    "GITHUB_TOKEN",
    "GH_TOKEN",
    "DATABRICKS_TOKEN",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "PGPASSWORD",
)
_SHORTEST_SECRET = 4
"""Characters. Replacing every "a" because a password is "a" would reveal it."""

# Everything before an `@`: without a slash, or after a colon that begins no port, since people
# forget to encode a slash in a password.
_USERINFO = re.compile(
    r"(?<=://)(?:[^\s/@'\"]+@(?:[^\s/@'\"]+@)*|[^\s/:@'\"\[]*:(?!\d+(?:[/?#]|$))[^\s'\"]*@)"
)
_PASSWORD = re.compile(r"\b(password|passwd|pwd|token|sslpassword)=(?!\*)[^\s&'\"]+", re.IGNORECASE)
_FILE_SCHEMES = ("sqlite", "file")  # their `?` may be part of a path


def without_credentials(uri: str) -> str:
    """Return a URI without user and password, and without a query, where drivers take passwords,
    too."""
    without_user = _USERINFO.sub("", uri)
    scheme = uri.partition(":")[0].partition("+")[0]
    if "://" not in uri or scheme in _FILE_SCHEMES:
        return without_user
    return re.split(r"[?#]", without_user)[0]


def redact(text: str, *uris: str) -> str:
    """Return the text without the secrets in it, in the environment, and in these addresses."""
    text = _PASSWORD.sub(r"\1=***", _USERINFO.sub("", text))
    secrets = {os.environ.get(name, "") for name in _SECRET_VARIABLES}
    secrets |= {secret for uri in uris for secret in _secrets_in(uri)}

    # Longest first: a secret may be part of another.
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, "***")
    return text


def _secrets_in(uri: str) -> Iterator[str]:
    """Yield the passwords of an address, as written and decoded."""
    if match := _USERINFO.search(uri):
        password = match.group()[:-1].partition(":")[2]
        yield password
        yield unquote(password)
        yield from password.split(":")  # an error may quote the part that it took for a port
    for key, value in parse_qsl(uri.partition("?")[2]):
        if "pass" in key.lower() or "token" in key.lower():
            yield value
