"""Times as people name them on the command line (RULES R1)."""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta

from mlflow_gitops.core.wording import counted

_LAST = 253402300799  # the last second of the year 9999
_DAY = re.compile(r"\d{4}-\d\d-\d\d\Z")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)\Z")


def parse_named_time(text: str) -> float | None:
    """Seconds since 1970 of an RFC 3339 time, or of the end of the day that `YYYY-MM-DD` names,
    UTC. None for anything else, which is a revision. Raises ValueError for a time that no calendar
    has."""
    if _DAY.match(text):
        # Commits are dated in whole seconds, so this is after the day's last and before the next
        # day's first.
        return parse_time(f"{text}T00:00:00Z").timestamp() + 86_400 - 0.5
    return parse_time(text.replace(" ", "T")).timestamp() if _MOMENT.match(text) else None


def age(then: str, now: str) -> str:
    """How long one RFC 3339 time lies before another, in its largest unit: `3 days`; empty where it
    does not."""
    passed = (parse_time(now) - parse_time(then)).total_seconds()
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if passed >= length:
            return counted(int(passed // length), unit)
    return "a moment" if passed >= 0 else ""


def format_minute(at: str) -> str:
    """An RFC 3339 time in UTC as people read it: `2026-03-01 09:12`."""
    return f"{at[:10]} {at[11:16]}"


def format_time(seconds: float) -> str:
    """RFC 3339 in UTC of a named time; the end of a day is its last second. What no calendar holds
    is the nearest it does."""
    return (
        datetime(1970, 1, 1) + timedelta(seconds=math.floor(min(seconds, _LAST)))
    ).isoformat() + "Z"


def parse_time(text: str) -> datetime:
    """The moment that an RFC 3339 time names. Raises ValueError if it names none."""
    # Python 3.10 reads neither `Z` nor a lower-case `t`, and wants three or six digits of a
    # fraction.
    text = re.sub(
        r"\.([0-9]+)",
        lambda found: "." + found.group(1)[:6].ljust(6, "0"),
        text.upper().replace("Z", "+00:00"),
    )
    return datetime.fromisoformat(text)


_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}


def parse_duration(text: str) -> timedelta:
    """A length of time as the policy and `--interval` write it: `24h`, `3d`, `1d12h`."""
    parts = re.findall("([0-9]+)([wdhms])", text)
    return sum((timedelta(**{_UNITS[unit]: int(number)}) for number, unit in parts), timedelta())


def format_duration(length: timedelta) -> str:
    """A length of time for people, in its largest fitting unit: `3 days`, `5 h`, `40 min`, `12 s`."""
    seconds = max(int(length.total_seconds()), 0)
    if seconds >= 2 * 86_400:
        return f"{seconds // 86_400} days"
    for unit, name in ((3_600, "h"), (60, "min")):
        if seconds >= unit:
            return f"{seconds // unit} {name}"
    return f"{seconds} s"
