"""Times as people name them on the command line (RULES R1)."""

from __future__ import annotations

import re
from typing import NamedTuple

from mlflow_gitops.core.times import parse_time

_TICK = 0.0005
"""A span ends half a millisecond before the next one begins. Receipts are dated in milliseconds and
commits in seconds, so none is between the two."""

# Patterns are texts, since most commands need none; `re` keeps what it has compiled.
_WRITTEN = (
    r"(?P<day>\d{4}-\d\d-\d\d)"
    r"(?:[Tt ](?P<minute>\d\d:\d\d)(?P<second>:\d\d(?P<fraction>\.\d+)?)?"
    r"(?: ?(?P<zone>[Zz]|UTC|[+-]\d\d:\d\d))?)?\Z"
)
_NUMBER = r"(?:\d{1,5}|one|two|three|four|five|six|seven|eight|nine|ten|last)"
_UNIT = r"(?:second|minute|hour|day|week|month|year)s?"
_WEEKDAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_CLOCK = r"\d{1,2}(?::\d\d){1,2}|\d{1,2}[ap]m"
_PART = rf"(?:{_NUMBER}[ .]{_UNIT}|last[ .]{_WEEKDAY}|yesterday|now|ago|{_CLOCK})"
_WORDS = rf"{_PART}(?:[ .]{_PART})*\Z"


class TimeSpan(NamedTuple):
    """What a text means: the first and the last moment of a day, a minute or a second, in seconds
    since 1970."""

    first: float
    last: float


def parse_written_time(text: str) -> TimeSpan | None:
    """Return the time that a text writes in numbers; None if it writes none.

    These are the forms that this program prints: a day `2026-01-31`, a minute `2026-01-31 12:00`,
    RFC 3339. Without an offset, they are in UTC. Raises ValueError if the calendar has no such
    time.
    """
    written = re.match(_WRITTEN, text.strip())
    if written is None:
        return None

    zone = (written["zone"] or "Z").upper().replace("UTC", "Z")
    clock = f"{written['minute'] or '00:00'}{written['second'] or ':00'}"
    first = parse_time(f"{written['day']}T{clock}{zone}").timestamp()

    if written["fraction"]:
        return TimeSpan(first, first)
    if written["second"]:
        return TimeSpan(first, first + 1 - _TICK)
    length = 60 if written["minute"] else 86_400
    return TimeSpan(first, first + length - _TICK)


def is_in_words(text: str) -> bool:
    """Whether a text is a time in words that git understands whole, such as `2 days ago`.

    git itself takes any text for a time, skips each word that it does not know, and takes a text
    without any known word for now (git help rev-parse, --since).
    """
    return re.match(_WORDS, text.strip().lower()) is not None
