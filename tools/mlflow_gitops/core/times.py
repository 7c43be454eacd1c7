"""RFC 3339 times and lengths of time: reading and writing them."""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta, timezone
from functools import lru_cache

from mlflow_gitops.core.wording import counted

_EPOCH = datetime(1970, 1, 1)
LAST_SECOND = 253402300799  # of the year 9999, the last one that `datetime` knows
_SECONDS_PER_DAY = 86_400
_DURATION_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_AGE_UNITS = (("day", _SECONDS_PER_DAY), ("hour", 3_600), ("minute", 60))

# Patterns are texts, since most commands need none; `re` keeps what it has compiled.
_DURATION_PART = r"([0-9]{1,5})([wdhms])"  # as the schema limits it
_FRACTION = r"\.([0-9]+)"
_OWN_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?Z"


def parse_time(text: str) -> datetime:
    """Return the moment that an RFC 3339 time means, in UTC.

    Raises ValueError if it is no such time, also for one without an offset, and for one outside the
    years 1 to 9999 in UTC.
    """
    # `fromisoformat` of Python 3.10 reads neither `Z` nor a lower-case `t`, and it needs three or
    # six digits in a fraction.
    text = text.upper().replace("Z", "+00:00")
    text = re.sub(_FRACTION, lambda match: "." + match.group(1)[:6].ljust(6, "0"), text)
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text} has no offset from UTC")
    try:
        return moment.astimezone(timezone.utc)
    except OverflowError:
        raise ValueError(f"{text} is not within the years 1 to 9999") from None


def is_time(value: object) -> bool:
    """Whether a value is RFC 3339 in UTC, as this tool writes it. Anything else may contain what no
    terminal should be sent."""
    try:
        return (
            isinstance(value, str)
            and re.fullmatch(_OWN_TIME, value) is not None
            and parse_time(value) is not None
        )
    except ValueError:
        return False


def is_stamped_between(stamp: str, earliest: str, latest: str) -> bool:
    """Whether a time in whole seconds is between two others; an empty one is no bound. False if it
    is no RFC 3339 time."""
    try:
        moment = parse_time(stamp)
    except ValueError:
        return False
    is_early = bool(earliest) and moment < parse_time(earliest).replace(microsecond=0)
    is_late = bool(latest) and moment > parse_time(latest)
    return not is_early and not is_late


def format_time(seconds: float) -> str:
    """Return seconds since 1970 as RFC 3339 in UTC, rounded down to a whole second.

    A commit may carry any number as its date; a time after the year 9999 becomes its last second.
    """
    days, second = divmod(math.floor(min(seconds, LAST_SECOND)), _SECONDS_PER_DAY)
    return f"{_day(days)}T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z"


@lru_cache(maxsize=64)  # an audit formats the times of many commits in order
def _day(number: int) -> str:
    return (_EPOCH + timedelta(days=number)).date().isoformat()


def format_datetime(moment: datetime, precision: str = "seconds") -> str:
    """Return a moment as RFC 3339 in UTC. `precision` is a `timespec` of `datetime.isoformat`."""
    in_utc = moment.astimezone(timezone.utc).replace(tzinfo=None)
    return in_utc.isoformat(timespec=precision) + "Z"


def format_minute(time: str) -> str:
    """Return an RFC 3339 time in UTC as people read it: `2026-03-01 09:12`."""
    return f"{time[:10]} {time[11:16]}"


def age(time: str, now: str) -> str:
    """Return how long one RFC 3339 time lies before `now`, in the largest unit: `3 days`.

    Empty if it lies after `now`.
    """
    seconds = (parse_time(now) - parse_time(time)).total_seconds()
    for unit, length in _AGE_UNITS:
        if seconds >= length:
            return counted(int(seconds // length), unit)
    return "a moment" if seconds >= 0 else ""


def parse_duration(text: str) -> timedelta:
    """A length of time as the policy and `--interval` write it: `24h`, `3d`, `1d12h`."""
    parts = re.findall(_DURATION_PART, text)
    return sum(
        (timedelta(**{_DURATION_UNITS[unit]: int(number)}) for number, unit in parts), timedelta()
    )


def format_duration(length: timedelta) -> str:
    """Return a length of time in its largest fitting unit: `3 days`, `5 h`, `40 min`, `12 s`."""
    seconds = max(int(length.total_seconds()), 0)
    if seconds >= 2 * 86_400:
        return f"{seconds // 86_400} days"
    for unit, name in ((3_600, "h"), (60, "min")):
        if seconds >= unit:
            return f"{seconds // unit} {name}"
    return f"{seconds} s"
