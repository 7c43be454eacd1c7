"""What no output may show: users and passwords in addresses, and secrets in the environment.

Whatever git, database drivers, HTTP clients and plug-ins print passes through `redact` before it
becomes a message, so that no secret reaches a terminal, a log, a receipt or a comment.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from mlflow_gitops.core.secrets import MASK, is_secret_name, mask_text

_SECRET_VARIABLES = frozenset(
    {
        "MLFLOW_TRACKING_PASSWORD",
        "MLFLOW_TRACKING_TOKEN",
        "GITHUB_TOKEN",
        "GH_TOKEN",
        "DATABRICKS_TOKEN",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "PGPASSWORD",
    }
)
"""Variables that always hold a secret. Others count if their name looks like one."""

_SHORTEST_SECRET = 4
"""Characters. Replacing every "a" because a password is "a" would reveal it."""

_SHORTEST_GUESS = 6
"""Characters of a value that is taken for a secret because of its variable's name alone."""

_SHORTEST_IN_OUTPUT = 8
"""Characters of a secret that is masked in whole outputs."""

_NOTIFY_VARIABLES = "MLFLOW_GITOPS_NOTIFY"
"""How the names of variables begin that hold addresses of channels (`notify.yaml`)."""

_CHANNEL_TOKEN = r"(?![a-z.-]+\Z).{8,}|[a-z-]{20,}\Z"
"""A part of a channel's address that is taken for a token: no word, and no name of a host."""

_WORD_OF_LETTERS = re.compile(r"[a-z_]+\Z")
_NAMES_OF_PLACES = re.compile(
    r"(?:FILE|PATH|DIR|SOCK|URL|URI|HOST|PORT|NAME|TYPE|MODE|TTL|EXPIRY|ENABLED)\Z", re.IGNORECASE
)
"""Ends of names like AWS_WEB_IDENTITY_TOKEN_FILE, whose value only says where a secret is."""

_WORKING_FOLDERS = ("PWD", "OLDPWD")
_ENDS_A_WORD = re.compile(r"[\s'\"]")
_PLAIN_WORD = r"(?i:true|false|yes|no|none|null|default|auto|[0-9]{1,7})\Z"
_PARTS = r"(?:^|;)\s*(?P<name>[A-Za-z]\w{0,60})=(?P<value>[^;]+)"
_USER_AND_PASSWORD = r"(?is:(?P<before>.*?)(?:USERNAME|USER)(?P<after>.*))\Z"

_WORD = re.compile(r"[^\s'\"]+")
_PORT = re.compile(r"\d+(?:[/?#]|\Z|\n\Z)")
_CONTAINER = re.compile(r"[^\s/@:'\"]+@")
_CONTAINER_SCHEME = re.compile(r"\b(?:abfss?|wasbs?)://\Z", re.IGNORECASE)
_FILE_SCHEMES = ("sqlite", "file")  # their `?` may be part of a path


def without_credentials(uri: str) -> str:
    """Return a URI without user and password, and without a query, where drivers take passwords,
    too."""
    without_user = without_userinfo(uri)
    raw = _raw_userinfo(uri)
    if raw is not None:
        without_user = uri.replace(f"{raw}@", "", 1)
    scheme = uri.partition(":")[0].partition("+")[0]
    if "://" not in uri or scheme in _FILE_SCHEMES:
        return without_user
    return re.split(r"[?#]", without_user)[0]


def _raw_userinfo(uri: str) -> str | None:
    """User and password of one address, if they hold characters at which an address in a text would
    end: nobody encoded a space or a quote. What a text says is not known so well; this is one URI
    alone, and everything up to its last `@` is no host."""
    start = uri.find("://") + 3
    scheme = uri.partition(":")[0].partition("+")[0].lower()
    if start < 3 or scheme in _FILE_SCHEMES:
        return None
    userinfo, at, _ = uri[start:].rpartition("@")
    user, colon, password = userinfo.partition(":")
    if not at or not colon or "/" in user or _PORT.match(password):
        return None
    return userinfo if _ENDS_A_WORD.search(userinfo) else None


def without_userinfo(text: str) -> str:
    """The text without users and passwords in the addresses in it."""
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
                if not _is_container(text, start, end):
                    yield start, end
                start = end


def _is_container(text: str, start: int, end: int) -> bool:
    """Whether what seems a user is the container of an address of Azure's storage."""
    is_azure = _CONTAINER_SCHEME.search(text, max(0, start - 9), start) is not None
    return is_azure and _CONTAINER.fullmatch(text, start, end) is not None


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
    text = mask_text(without_userinfo(text))
    secrets = {*environment_secrets(), *(secret for uri in uris for secret in _secrets_in(uri))}
    return value_mask(secrets)(text)


def without_environment_secrets() -> Callable[[str], str]:
    """A function that masks this process's secrets in whole outputs. Short ones and plain words are
    left alone there, since they could be a part of anything; `redact` masks those, too, in texts of
    other programs."""
    return value_mask(
        secret
        for secret in environment_secrets()
        if len(secret) >= _SHORTEST_IN_OUTPUT and not _WORD_OF_LETTERS.match(secret)
    )


def value_mask(secrets: Iterable[str]) -> Callable[[str], str]:
    """A function that masks these secrets in a text, as they are and in the forms in which programs
    quote them: in base64, percent-encoded, and escaped in JSON."""
    # Longest first: a secret may be part of another.
    forms = sorted({form for secret in secrets for form in _forms(secret)}, key=len)[::-1]

    def mask(text: str) -> str:
        for form in forms:
            text = text.replace(form, MASK)
        return text

    return mask


def environment_secrets(variables: Mapping[str, str] | None = None) -> set[str]:
    """The secrets in environment variables: those of variables whose names look like secrets, the
    parts of connection strings, and passwords in addresses. By default, of this process."""
    variables = os.environ if variables is None else variables
    secrets: set[str] = set()
    for name, value in variables.items():
        secrets.update(_secrets_of_variable(name, value))
    secrets.update(_basic_credentials(variables))
    return {secret for secret in secrets if len(secret) >= _SHORTEST_SECRET}


def _secrets_of_variable(name: str, value: str) -> Iterator[str]:
    if "://" in value:
        yield from _secrets_in(value)
    if name.startswith(_NOTIFY_VARIABLES):
        yield from _secrets_of_channels(value)
        return
    if name in _SECRET_VARIABLES:
        yield value
        return
    if name in _WORKING_FOLDERS or not is_secret_name(name) or _NAMES_OF_PLACES.search(name):
        return
    if len(value) < _SHORTEST_GUESS or value.startswith("/") or re.match(_PLAIN_WORD, value):
        return

    yield value
    for part in re.finditer(_PARTS, value):
        if is_secret_name(part["name"]) or part["name"].lower().endswith(("key", "signature")):
            yield part["value"]


def _secrets_of_channels(value: str) -> Iterator[str]:
    """The addresses of channels that a variable holds, and the parts of each: a service's token is
    a part of the path, of the query, or stands in the place of the host."""
    for line in value.splitlines():
        address = line[line.rfind("=", 0, line.find("://") + 1) + 1 :].strip()
        yield address
        yield from _secrets_in(address)
        parts = re.split(r"[/?&=@:]+", address)
        yield from (part for part in parts if re.match(_CHANNEL_TOKEN, part))


def _basic_credentials(variables: Mapping[str, str]) -> Iterator[str]:
    """`user:password` for each pair of variables such as MLFLOW_TRACKING_USERNAME and _PASSWORD, as
    an `Authorization` header has it in base64."""
    for name, user in variables.items():
        match = re.match(_USER_AND_PASSWORD, name)
        if match is None:
            continue
        for word in ("PASSWORD", "PASS", "TOKEN"):
            if password := variables.get(f"{match['before']}{word}{match['after']}"):
                yield f"{user}:{password}"


def _forms(secret: str) -> Iterator[str]:
    if len(secret) < _SHORTEST_SECRET:
        return
    data = secret.encode("utf-8", "surrogateescape")
    encoded = {base64.b64encode(data).decode(), base64.urlsafe_b64encode(data).decode()}
    forms = {
        secret,
        quote(data, safe=""),
        quote(data),
        secret.replace("\\", "\\\\").replace('"', '\\"'),
        *encoded,
        *(text.rstrip("=") for text in encoded),
    }
    yield from (form for form in forms if len(form) >= _SHORTEST_SECRET)


def _secrets_in(uri: str) -> Iterator[str]:
    """Yield the passwords of an address, as written and decoded."""
    for start, end in islice(_userinfo(uri), 1):
        userinfo = uri[start : end - 1]
        password = userinfo.partition(":")[2]
        yield password
        yield unquote(password)
        yield from password.split(":")  # an error may quote the part that it took for a port
        if password:
            yield unquote(userinfo)  # the `Authorization` header has it in base64
    raw = _raw_userinfo(uri)
    if raw is not None:
        password = raw.partition(":")[2]
        yield from (password, unquote(password), unquote(raw))
        yield from re.split(r"[\s'\"@/:]+", password)  # a driver quotes what it took for a host
    for key, value in parse_qsl(uri.partition("?")[2].partition("#")[0]):
        if "pass" in key.lower() or is_secret_name(key) or key.lower() in ("sig", "signature"):
            yield value
            yield quote(value, safe="")
    for key, value in parse_qsl(_fragment(uri)):
        if is_secret_name(key):
            yield value


def _fragment(uri: str) -> str:
    try:
        return urlsplit(uri).fragment
    except ValueError:
        return ""
