"""Lines such as `Co-authored-by: Name <email>` anywhere in a commit message, and the people in
them.

Anybody may write a message, so it is read in linear time: values are stripped by code, since a
pattern for text between spaces tries each run of spaces from every position in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

# In any line, since a squash puts the trailers into the body, often as a list.
_TRAILER = re.compile(
    r"^[ \t]*(?:[*-][ \t]+)?(?P<key>Co-authored-by|Approved-by|Reviewed-by):(?P<value>[^\r\n]*)",
    re.IGNORECASE | re.MULTILINE,
)


def has_trailers(message: str) -> bool:
    """Whether a message may have such a line, which most have not: this test is cheaper than the
    pattern."""
    return "-by:" in message or "-BY:" in message.upper()


def trailers(message: str) -> Iterator[tuple[str, str]]:
    """Yield key, in lower case, and value of every trailer about people that has a value."""
    if not has_trailers(message):
        return
    for line in _TRAILER.finditer(message):
        value = line["value"].strip(" \t")
        if value:
            yield line["key"].lower(), value


def split_person(text: str) -> tuple[str, str] | None:
    """Return name and address of `Name <email>`; None if the text has another form."""
    text = text.strip()
    name, opening, mail = text[:-1].partition("<")
    if not text.endswith(">") or not opening or ">" in name or "<" in mail or ">" in mail:
        return None
    return name.strip(), mail
