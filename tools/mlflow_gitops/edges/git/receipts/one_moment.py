"""The receipts of one moment: what plans many models lists the refs that hold receipts once, and
judges all of them by the same receipts. Outside of such a moment, every reader lists them anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

Listings = dict[tuple[str, ...], Mapping[str, str]]
"""By what was asked, the refs with their commits."""

_listings: ContextVar[Listings | None] = ContextVar("listings", default=None)


@contextmanager
def one_moment() -> Iterator[None]:
    """Let what this thread reads of receipts be what a clone had at its first question. Nothing may
    be written meanwhile."""
    token = _listings.set({})
    try:
        yield
    finally:
        _listings.reset(token)


def listed_at_moment(
    question: tuple[str, ...], read: Callable[[], Mapping[str, str]]
) -> Mapping[str, str]:
    """What `read` returns: now, or when it was asked first in this moment."""
    listings = _listings.get()
    if listings is None:
        return read()
    if question not in listings:
        listings[question] = read()
    return listings[question]
