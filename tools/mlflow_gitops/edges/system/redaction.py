"""What no output may show: user and password of an address, and the secrets that the environment
holds.

Everything that git, drivers and transports say goes through `hide` before it becomes a message, so
that it cannot stand in a terminal, a log, a receipt or a comment either.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, unquote

_VARIABLES = (
    "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "GITHUB_TOKEN", "GH_TOKEN", "DATABRICKS_TOKEN",
    "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "PGPASSWORD",
)  # fmt: skip
_SHORTEST = 4
"""Characters. To hide every `a` because somebody's password is one would tell it."""

# What stands before an `@`: no slash in it, or a colon that begins no port, since people forget to
# encode a password.
_USERINFO = re.compile(
    r"(?<=://)(?:[^\s/@'\"]+@(?:[^\s/@'\"]+@)*|[^\s/:@'\"\[]*:(?!\d+(?:[/?#]|$))[^\s'\"]*@)"
)
_PASSWORD = re.compile(r"\b(password|passwd|pwd|token|sslpassword)=(?!\*)[^\s&'\"]+", re.IGNORECASE)
_QUERY_OF_FILES = ("sqlite", "file")


def without_credentials(uri: str) -> str:
    """A URI that may be shown: no user, no password, and no query, where drivers take passwords
    too."""
    shown = _USERINFO.sub("", uri)
    scheme = uri.partition(":")[0].partition("+")[0]
    return shown if "://" not in uri or scheme in _QUERY_OF_FILES else re.split(r"[?#]", shown)[0]


def redact(text: str, *uris: str) -> str:
    """The text without what is secret in it, in the environment, or in these addresses."""
    text = _PASSWORD.sub(r"\1=***", _USERINFO.sub("", text))
    known = {os.environ.get(name, "") for name in _VARIABLES} | {
        one for uri in uris for one in _within(uri)
    }
    for secret in sorted(known, key=len, reverse=True):
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, "***")
    return text


def _within(uri: str) -> Iterator[str]:
    """The passwords of an address, as they are written and as they are meant."""
    if found := _USERINFO.search(uri):
        password = found.group()[:-1].partition(":")[2]
        yield from (
            password,
            unquote(password),
            *password.split(":"),
        )  # an error may quote what it took for a port
    for key, value in parse_qsl(uri.partition("?")[2]):
        if "pass" in key.lower() or "token" in key.lower():
            yield value
