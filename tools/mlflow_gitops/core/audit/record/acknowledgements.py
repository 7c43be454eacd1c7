"""`Audit-Ack:` lines in commit messages of the main line: people who looked at what is wrong with
the record, and say why it may stand (RULES R7)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

MIN_DIGITS = 12
"""Hex digits of a receipt's digest that a line must name at least."""

# Any line counts: squash merges move trailers into the body, often as a list.
_LINE = re.compile(
    r"^[ \t]*(?:[*-][ \t]+)?Audit-Ack:[ \t]*(?P<digest>[0-9a-fA-F]+)(?P<reason>[^\r\n]*)",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """One line: the first digits of a receipt's digest, in lower case, and the reason. `author` is
    what the commit claims, `Name <email>`; `at` is its time, RFC 3339. `approved_by` are the people
    who approved it, if the policy asks for that; `fault` is why it does not count, None if it does
    or if nobody judged that."""

    digest: str
    reason: str
    commit: str
    author: str
    at: str
    approved_by: tuple[str, ...] = ()
    fault: str | None = None


def acknowledgements(message: str, commit: str, author: str, at: str) -> Iterator[Acknowledgement]:
    """The lines in one message that name enough of a digest and give a reason."""
    for line in _LINE.finditer(message):
        digest, reason = line["digest"].lower(), line["reason"].strip(" \t:")
        if reason and MIN_DIGITS <= len(digest) <= 64:
            yield Acknowledgement(digest, reason, commit, author, at)


def acknowledgement_of(
    digest: str, acknowledged: Iterable[Acknowledgement]
) -> Acknowledgement | None:
    """The first line that names a receipt; None if none does."""
    return next((line for line in acknowledged if digest.startswith(line.digest)), None)


def line_to_write(digest: str) -> str:
    """The line that acknowledges a receipt, with a place for the reason."""
    return f"Audit-Ack: {digest[:MIN_DIGITS]} REASON"
