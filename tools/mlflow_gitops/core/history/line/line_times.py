"""When each commit of a line was merged, as far as its dates can be believed (RULES R1).

A committer date is whatever the committer's clock showed. A date in the past is corrected by the
commits before it. A date in the future would otherwise hold for every commit after it.
"""

from __future__ import annotations

import math
from bisect import bisect_right, insort
from collections.abc import Iterable, Sequence
from itertools import accumulate

Limit = tuple[int, float]
"""A commit's index on the line, and the seconds since 1970 at which a reconcile had it: neither it
nor any commit before it can be later."""


def line_times(
    dates: Sequence[int], now: float | None = None, limits: Iterable[Limit] = ()
) -> list[int]:
    """The time of each commit of a line, in seconds since 1970; it never runs backwards.

    `dates` are the committer dates, oldest commit first. The time of a commit is the largest date
    up to it. A date that is later than `now`, or than a reconcile of the commit or of a later one,
    is wrong and does not count: its commit gets the latest time that it can have had, which is that
    of the next commit with a right date, that reconcile, or `now`, whichever is earliest.
    """
    times = list(accumulate(dates, max))
    latest = math.inf if now is None else math.floor(now)
    contradicting = [limit for limit in limits if limit[1] < min(times[limit[0]], latest)]
    if not times or (times[-1] <= latest and not contradicting):
        return times

    bounds = [latest] * len(dates)
    for index, seconds in _believed(dates, latest, contradicting):
        bounds[index] = min(bounds[index], math.floor(seconds))
    # What bounds a commit bounds every commit before it.
    bounds = list(accumulate(reversed(bounds), min))[::-1]
    return list(accumulate(_corrected(dates, bounds), max))


def _corrected(dates: Sequence[int], bounds: Sequence[float]) -> list[int]:
    """The dates, each wrong one replaced by the latest time that its commit can have had."""
    believed = [date if date <= bound else 0 for date, bound in zip(dates, bounds, strict=True)]
    largest = list(accumulate(believed, max))

    corrected = list(dates)
    following = math.inf
    for index in range(len(dates) - 1, -1, -1):
        if dates[index] > bounds[index]:
            corrected[index] = int(min(bounds[index], following))
        else:
            following = largest[index]
    return corrected


def _believed(dates: Sequence[int], latest: float, limits: Iterable[Limit]) -> list[Limit]:
    """The limits by clocks that agree with most commits. A reconcile that is earlier than most of
    what it had was made by a clock that was late itself."""
    believed: list[Limit] = []
    seen: list[int] = []
    position = 0
    for index, seconds in sorted(limits):
        for date in dates[position : index + 1]:
            if date <= latest:
                insort(seen, date)
        position = index + 1
        contradicting = len(seen) - bisect_right(seen, seconds)
        if 2 * contradicting <= len(seen):
            believed.append((index, seconds))
    return believed
