"""Credentials in addresses, and names that belong to secrets. Pure: `edges/system/redaction.py`
adds the secrets of this machine.

Addresses of a version's files are compared and kept as they are, and shown through `shown_source`.
Text that other people or programs wrote passes through `mask_text`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

MASK = "***"

_CONTAINER_SCHEMES = frozenset({"abfs", "abfss", "wasb", "wasbs"})
"""Azure's schemes, in which `container@account` is an address: the part before `@` is no user."""

_REGISTRY_SCHEMES = frozenset({"models", "runs"})
"""MLflow's own schemes, in which `@` begins an alias."""

_PATH_SCHEMES = frozenset({"", "file", "sqlite"})
"""In the paths of these, `?` and `#` may be part of a name."""

_MOST_DECODINGS = 3

# -- names ----------------------------------------------------------------------------------------


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SEGMENT = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SECRET_SEGMENTS = _words(
    "password passwd passphrase pwd secret secrets credential credentials apikey apitoken authtoken"
    " accesskey accesstoken secretkey privatekey sharedkey accountkey cookie bearer jwt dsn"
    " sslpassword pgpassword clientsecret authorization connstr sastoken webhook"
)
_SECRET_LAST_SEGMENTS = frozenset({"token", "tokens", "auth", "sig", "pat", "sas", "pw"})
_WORDS_BEFORE_PASS = _words(
    "user db database admin root mysql pg postgres smtp http ftp proxy redis mongo login"
)
_WORDS_BEFORE_A_HARMLESS_TOKEN = _words(
    "pad eos bos unk mask cls sep special next start end image video audio stop prompt per first"
    " last begin max min num n total input output avg mean new generated context completion cached"
    " reasoning target source vocab vocabulary cost price loss"
)
_WORDS_BEFORE_A_KEY = _words(
    "api access private account secret encryption signing storage master shared ssh service"
    " subscription auth license azure openai anthropic aws gcp cohere mistral wandb hmac client"
    " session deploy function functions admin host app application team personal"
)
_SECRET_PARAMETERS = _words("sig signature key code policy awsaccesskeyid googleaccessid hmac auth")
"""Names of URL parameters that carry a signature or a key, beside those that look like secrets."""


def is_secret_name(name: str) -> bool:
    """Whether the name of a variable, param, tag, metric or parameter belongs to a secret:
    `db_password`, `apiKey`, `AZURE_CLIENT_SECRET`, but not `max_tokens` or `tokenizer`."""
    segments = [segment.lower() for segment in _SEGMENT.findall(name)]
    words = [segment for segment in segments if not segment.isdigit()]
    for index, word in enumerate(words):
        before = words[index - 1] if index else ""
        is_last = index == len(words) - 1
        if word in _SECRET_SEGMENTS:
            return True
        if word in ("key", "keys") and before in _WORDS_BEFORE_A_KEY:
            return True
        if word == "string" and before in ("connection", "conn"):
            return True
        if word == "pass" and before in _WORDS_BEFORE_PASS:
            return True
        if word in _SECRET_LAST_SEGMENTS and is_last:
            return before not in _WORDS_BEFORE_A_HARMLESS_TOKEN and not (
                word == "tokens" and not before
            )
    return False


def is_secret_metric(key: str) -> bool:
    """Whether a metric's name is that of a secret. `password_strength_auc` is none: what counts are
    the last two words."""
    words = _SEGMENT.findall(key)
    return is_secret_name(key) and is_secret_name("_".join(words[-2:]))


def mask_pair(before: str | None, after: str | None) -> tuple[str | None, str | None]:
    """Two values of a secret, masked so that it still shows whether they differ."""
    masked_after = MASK if before in (None, after) else f"{MASK} (another value)"
    return (None if before is None else MASK), (None if after is None else masked_after)


# -- addresses ------------------------------------------------------------------------------------

_ADDRESS = re.compile(r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+):)?(?P<slashes>/*)(?P<rest>.*)", re.S)
# A password whose slash nobody encoded: a colon in the host that begins no port, and an `@` later.
_SLASH_IN_PASSWORD = re.compile(r"[^/:@\[]*:(?!\d+(?:[/?#]|$))[^?#]*@")
_MAY_CARRY = re.compile(r"[@?#%=]")
_PARAMETER = re.compile(r"[?&;#/]\s*(?P<name>[A-Za-z][\w.-]{0,80})\s*=")


def credentials_in(source: str) -> str | None:
    """What an address carries that may be a credential: "a user or password", "a query" or "a
    fragment"; None if it carries none.

    Every query counts, since drivers and servers take keys and signatures there. Percent-encoded
    forms count, too.
    """
    if not _MAY_CARRY.search(source):
        return None
    for depth, text in enumerate(_decodings(source)):
        found = _credentials_in_plain(text, is_decoded=depth > 0)
        if found is not None:
            return found
    return None


def has_secret(address: str) -> bool:
    """Whether the address of a server carries a user, a password, or a parameter that looks like a
    secret. Other parameters are allowed, since databases need them."""
    for text in _decodings(address):
        if _userinfo_length(*_parts(text)):
            return True
        names = [match["name"] for match in _PARAMETER.finditer(text)]
        if any(is_secret_name(name) or name.lower() in _SECRET_PARAMETERS for name in names):
            return True
    return False


def shown_source(source: str) -> str:
    """An address as it may be shown and recorded: without user, password, query and fragment."""
    if credentials_in(source) is None:
        return source
    for text in _decodings(source):
        if credentials_in(_without_credentials(text, "")) is None:
            return _without_credentials(text, MASK)
    return MASK


def _decodings(source: str) -> Iterator[str]:
    """The address as it is written, and decoded until nothing is left to decode."""
    text = source.strip()
    for _ in range(_MOST_DECODINGS + 1):
        yield text
        decoded = unquote(text)
        if decoded == text:
            return
        text = decoded


def _credentials_in_plain(text: str, *, is_decoded: bool) -> str | None:
    scheme, slashes, rest = _parts(text)
    if scheme not in _REGISTRY_SCHEMES and _userinfo_length(scheme, slashes, rest):
        return "a user or password"

    names = [match["name"] for match in _PARAMETER.finditer(rest)]
    if any(is_secret_name(name) or name.lower() in _SECRET_PARAMETERS for name in names):
        return "a query"
    if scheme in _PATH_SCHEMES or (is_decoded and not names):
        return None
    if "?" in rest:
        return "a query"
    return "a fragment" if "#" in rest else None


def _parts(text: str) -> tuple[str, str, str]:
    """Scheme, slashes and the rest. One letter before a colon is a drive of Windows."""
    match = _ADDRESS.match(text.replace("\\", "/"))
    assert match is not None  # every text matches
    return (match["scheme"] or "").lower(), match["slashes"], match["rest"]


def _userinfo_length(scheme: str, slashes: str, rest: str) -> int:
    """The length of user and password at the start of `rest`, with the `@`; 0 if there are none."""
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    user, at, _ = authority.rpartition("@")
    if at:
        has_password = ":" in user or "@" in user
        is_user = len(slashes) == 2 and scheme not in _CONTAINER_SCHEMES
        return len(user) + 1 if has_password or is_user else 0

    slash_in_password = _SLASH_IN_PASSWORD.match(rest) if len(slashes) == 2 else None
    return slash_in_password.end() if slash_in_password else 0


def _without_credentials(text: str, mask: str) -> str:
    scheme, slashes, rest = _parts(text)
    prefix = f"{scheme}:{slashes}" if scheme else slashes
    length = 0 if scheme in _REGISTRY_SCHEMES else _userinfo_length(scheme, slashes, rest)
    if length:
        prefix += f"{mask}@" if mask else ""
        rest = rest[length:]

    parameter = next(
        (
            match
            for match in _PARAMETER.finditer(rest)
            if is_secret_name(match["name"]) or match["name"].lower() in _SECRET_PARAMETERS
        ),
        None,
    )
    ends = [parameter.start()] if parameter else []
    if scheme not in _PATH_SCHEMES:
        ends += [index for index in (rest.find("?"), rest.find("#")) if index >= 0]
    if not ends:
        return prefix + rest
    return prefix + rest[: min(ends)] + (f"?{mask}" if mask else "")


# -- text that other people wrote -----------------------------------------------------------------

# Patterns are texts: compiling them takes 2 ms of every start, and `re` keeps what it has compiled.
# Every repetition is bounded: a long text without an end must not take quadratic time.
_SIGNS = frozenset("=%\"'/\\")
"""Every credential has one of these signs beside it, or one of the words of `_has_header_word`."""

_MAY_HIDE = r"[@=]|%3|%4|(?i:authori[sz]ation|basic\s|bearer\s)|[\"']\s*:"
_USERINFO = (
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]{0,20})://(?P<user>"
    r"[^\s/@'\"<>]{1,400}(?:@[^\s/@'\"<>]{1,400}){0,3}"
    r"|[^\s/:@'\"\[<>]{0,200}:(?!\d+(?:[/?#]|$))[^\s'\"<>]{0,400})@"
)
_ENCODED_USERINFO = r"(?i)((?:%3A|:)(?:%2F|/){2})[^\s/'\"]{1,400}?%40"
# With too few or the wrong slashes, or without a scheme, a user counts only with a password.
_OTHER_USERINFO = (
    r"(?P<start>(?<![^\s'\"`(=])(?:[A-Za-z][A-Za-z0-9+.-]{1,20}:)?[/\\]{1,3})"
    r"[^\s/\\:@'\"<>]{1,200}:[^\s/\\@'\"<>]{1,400}@(?=[\w.\[-])"
)
_QUERY = (
    r"\b(?!https?:|file:|sqlite)(?P<address>[A-Za-z][A-Za-z0-9+.-]{1,20}:/[^\s?#'\"`<>]{1,1000})[?#]"
    r"[^\s'\"`<>)]{1,4000}"
)
_ASSIGNMENT = (
    r"(?i)(?P<start>(?<![A-Za-z0-9_.-])|(?<=%26)|(?<=%3F)|(?<=%23))(?P<name>[A-Za-z_][A-Za-z0-9_.-]{0,80})"
    r"(?P<equals>\s?=\s?|%3D|\\?[\"']\s?:\s?)(?P<quote>\\?[\"']?)(?P<value>[^\s&\"'`,;)}\]%\\]{1,4000}(?:%(?!26|23)[^\s&\"'`,;)}\]%\\]{0,4000}){0,200})"
)
_HEADER = (
    r"(?i)(?P<header>(?:proxy[-_])?authori[sz]ation(?:[\"'\s]{0,3}(?:[:=,]|%3A|=>)[\s+]{0,3}(?:%20)?(?:\(?b?[\"'])?))"
    r"(?P<value>(?:[A-Za-z0-9-]{1,40}(?:\s{1,3}|\+|%20))?[^\s\"',;)}\]]{1,8000})"
)
_SCHEME_AND_TOKEN = (
    r"(?i)\b(?P<scheme>basic|bearer|negotiate)(?P<space>\s{1,3}|\+|%20)"
    r"(?P<token>(?=[^\s\"',;)}\]]{0,200}[0-9=])[A-Za-z0-9+/=_.~%-]{8,8000})"
)


def mask_text(text: str) -> str:
    """Text of other people or programs without the credentials in it: users and passwords in
    addresses, values of parameters whose names look like secrets, `Authorization` headers."""
    # A quick answer for most texts; beyond ASCII, other letters can stand for those of the words.
    if text.isascii() and _SIGNS.isdisjoint(text) and not _has_header_word(text):
        return text
    if not re.search(_MAY_HIDE, text):
        return text
    text = re.sub(_USERINFO, _mask_userinfo, text)
    text = re.sub(_ENCODED_USERINFO, rf"\1{MASK}%40", text)
    text = re.sub(_OTHER_USERINFO, rf"\g<start>{MASK}@", text)
    text = re.sub(_QUERY, rf"\g<address>?{MASK}", text)
    text = re.sub(_HEADER, rf"\g<header>{MASK}", text)
    text = re.sub(_SCHEME_AND_TOKEN, rf"\g<scheme>\g<space>{MASK}", text)
    return re.sub(_ASSIGNMENT, _mask_assignment, text)


def _has_header_word(text: str) -> bool:
    lower_case = text.lower()
    return (
        "authori" in lower_case
        or "basic" in lower_case
        or "bearer" in lower_case
        or "negotiate" in lower_case
    )


def _mask_userinfo(match: re.Match[str]) -> str:
    scheme, user = match["scheme"].lower(), match["user"]
    is_container = scheme in _CONTAINER_SCHEMES and ":" not in user and "@" not in user
    if is_container or user in ("git", MASK):
        return match.group()
    return f"{match['scheme']}://{MASK}@"


def _mask_assignment(match: re.Match[str]) -> str:
    name, value = match["name"], match["value"]
    last_word = re.split(r"[-_.]", name.lower())[-1]
    is_secret = is_secret_name(name) or last_word in ("sig", "signature")
    if not is_secret or value.startswith(("$", "*", "<", "…", "(", "{")):
        return match.group()
    return f"{name}{match['equals']}{match['quote']}{MASK}"
