"""What no output may show: users and passwords in addresses, and secrets in the environment.

Whatever git, database drivers and HTTP clients print passes through `redact` before it becomes a
message, so that no secret reaches a terminal, a log, a receipt or a comment.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import islice
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

_WORD = re.compile(r"[^\s'\"]+")
_PORT = re.compile(r"\d+(?:[/?#]|\Z|\n\Z)")
_PASSWORD = re.compile(r"\b(password|passwd|pwd|token|sslpassword)=(?!\*)[^\s&'\"]+", re.IGNORECASE)
_FILE_SCHEMES = ("sqlite", "file")  # their `?` may be part of a path


def without_credentials(uri: str) -> str:
    """Return a URI without user and password, and without a query, where drivers take passwords,
    too."""
    without_user = _without_userinfo(uri)
    scheme = uri.partition(":")[0].partition("+")[0]
    if "://" not in uri or scheme in _FILE_SCHEMES:
        return without_user
    return re.split(r"[?#]", without_user)[0]


def _without_userinfo(text: str) -> str:
    kept, position = [], 0
    for start, end in _userinfo(text):
        kept.append(text[position:start])
        position = end
    return "".join([*kept, text[position:]])


def _userinfo(text: str) -> Iterator[tuple[int, int]]:
    """Yield where users and passwords begin and end in a text, with the `@` after them.

    Each is everything before an `@`: without a slash, or after a colon that begins no port, since
    people forget to encode a slash in a password. The work is proportional to the text's length,
    for others write what is searched: one pattern for all of this took a minute for 256 KB.
    """
    if "://" not in text or "@" not in text:
        return
    for word in _WORD.finditer(text):
        last_at = text.rfind("@", *word.span())
        start = word.start()
        while (start := text.find("://", start, last_at) + 3) >= 3:
            end = _userinfo_end(text, start, word.end(), last_at)
            if end is not None:
                yield start, end
                start = end


def _userinfo_end(text: str, start: int, word_end: int, last_at: int) -> int | None:
    """Where the userinfo that may begin at `start` ends; None if there is none. `last_at` is the
    last `@` of the word."""
    if text.startswith("@", start):
        return None
    slash = text.find("/", start, word_end)
    segment_end = slash if slash >= 0 else word_end
    double_at = text.find("@@", start, segment_end)
    at = text.rfind("@", start, double_at + 1 if double_at >= 0 else segment_end)
    if at > start:
        return at + 1

    colon = text.find(":", start, segment_end)
    bracket = text.find("[", start, segment_end)
    is_after_bracket = 0 <= bracket < colon
    if colon < 0 or is_after_bracket or _PORT.match(text, colon + 1):
        return None
    return last_at + 1 if last_at > colon else None


def redact(text: str, *uris: str) -> str:
    """Return the text without the secrets in it, in the environment, and in these addresses."""
    text = _PASSWORD.sub(r"\1=***", _without_userinfo(text))
    secrets = {os.environ.get(name, "") for name in _SECRET_VARIABLES}
    secrets |= {secret for uri in uris for secret in _secrets_in(uri)}

    # Longest first: a secret may be part of another.
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, "***")
    return text


def _secrets_in(uri: str) -> Iterator[str]:
    """Yield the passwords of an address, as written and decoded."""
    for start, end in islice(_userinfo(uri), 1):
        password = uri[start : end - 1].partition(":")[2]
        yield password
        yield unquote(password)
        yield from password.split(":")  # an error may quote the part that it took for a port
    for key, value in parse_qsl(uri.partition("?")[2]):
        if "pass" in key.lower() or "token" in key.lower():
            yield value
