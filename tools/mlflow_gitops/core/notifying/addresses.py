"""Which addresses of channels may be in git: those that hold no secret.

Most services put a token into the address itself (`slack://TokenA/TokenB/TokenC`,
`https://hooks.slack.com/services/…`). So an address is accepted only if its kind is known to do
without one: a mail server that asks for no password, or a webhook on a server of one's own.
"""

from __future__ import annotations

import re
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from mlflow_gitops.core.secrets import has_secret

_MAIL = ("mailto", "mailtos")
_WEBHOOKS = ("json", "jsons", "xml", "xmls", "form", "forms")
_MAIL_FIELDS = frozenset({"to", "from", "cc", "bcc", "reply", "smtp", "name", "mode"})
"""Parameters of a mail address (Apprise 2) that hold no secret."""

_TOKEN = re.compile(r"(?=[^/]*[0-9])(?=[^/]*[A-Za-z])[A-Za-z0-9_=.-]{16,}|[A-Za-z0-9_=.-]{32,}")
"""A part of a path that may be a token."""

_MOST_DECODINGS = 3


def secret_in_address(address: str) -> str | None:
    """What may be secret in a channel's address, in words that do not repeat it; None if nothing
    is."""
    for text in _decodings(address):
        try:
            parts = urlsplit(text)
        except ValueError:
            return "is no address that can be read"
        if (fault := _fault(parts, text)) is not None:
            return fault
    return None


def _fault(parts: SplitResult, text: str) -> str | None:
    scheme = parts.scheme.lower()
    if scheme not in (*_MAIL, *_WEBHOOKS):
        return f"begins with {_scheme_text(scheme)}, and such an address holds a token or a key"
    if "@" in parts.netloc:
        return "holds a user or a password"
    fields = [name.lower() for name, _ in parse_qsl(parts.query, keep_blank_values=True)]
    allowed = _MAIL_FIELDS if scheme in _MAIL else frozenset[str]()
    if parts.fragment or any(field not in allowed for field in fields):
        return "holds a parameter that may be a secret"
    if has_secret(text.partition("?")[0]) or any(map(_TOKEN.fullmatch, parts.path.split("/"))):
        return "holds what looks like a token in its path"
    return None


def _scheme_text(scheme: str) -> str:
    """A scheme as it may be shown: it may be anything, even a secret."""
    return f"{scheme}://" if re.fullmatch(r"[a-z]{2,12}", scheme) else "no known scheme"


def _decodings(address: str) -> list[str]:
    """The address as written, and percent-decoded until it no longer changes."""
    texts = [address]
    while len(texts) <= _MOST_DECODINGS and (decoded := unquote(texts[-1])) != texts[-1]:
        texts.append(decoded)
    return texts
