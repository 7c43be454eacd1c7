"""How messages count, list and suggest things. Every layer uses these, so that one message reads
like another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

NO_VALUE = "—"
"""Shown in place of versions, values or cells that are empty."""


def counted(count: int, noun: str) -> str:
    """A count and its noun: `1 model`, `3 models`, `2 libraries`."""
    if count == 1:
        return f"1 {noun}"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{count} {noun[:-1]}ies"
    return f"{count} {noun}s"


def and_list(items: Sequence[object]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return _joined(items, "and")


def or_list(items: Sequence[object]) -> str:
    """`a`, `a or b`, `a, b or c`."""
    return _joined(items, "or")


def first_few(items: Sequence[object], limit: int) -> str:
    """The first `limit` words, and how many were left out: `a, b, c and 4 more`."""
    listed_items = ", ".join(map(str, items[:limit]))
    if len(items) <= limit:
        return listed_items
    return f"{listed_items} and {len(items) - limit} more"


def version_list(versions: Iterable[int]) -> str:
    """Version numbers in one cell: `12, 14`, or `—` if there are none."""
    return ", ".join(map(str, versions)) or NO_VALUE


def did_you_mean(misspelt: str, names: Iterable[str], cutoff: float = 0.6) -> str:
    """A suggestion for a misspelt name, such as `did you mean 'Production'?`. Empty if no name is
    similar.

    A name that differs in upper and lower case only comes first. `cutoff` is the similarity that
    difflib asks for, from 0 to 1.
    """
    from difflib import get_close_matches  # start-up does not pay for what only a misspelling needs

    candidates = list(names)
    similar = [name for name in candidates if name.lower() == misspelt.lower()]
    similar = similar or get_close_matches(misspelt, candidates, 1, cutoff)
    return f"did you mean {similar[0]!r}?" if similar else ""


def shell_words(*arguments: object) -> str:
    """Arguments of a command as a shell takes them: `churn --adopt`, `'Credit Risk' 4`. If one that
    is no option begins with a dash, the options come first: `--adopt -- -weird`."""
    from shlex import quote  # start-up does not pay for what only a hint needs

    texts = [str(argument) for argument in arguments]
    options = [text for text in texts if text.startswith("--")]
    names = [text for text in texts if not text.startswith("--")]
    if any(name.startswith("-") for name in names):
        texts = [*options, "--", *names]
    return " ".join(map(quote, texts))


def _joined(items: Sequence[object], conjunction: str) -> str:
    if len(items) < 2:
        return "".join(map(str, items))
    return f"{', '.join(map(str, items[:-1]))} {conjunction} {items[-1]}"
