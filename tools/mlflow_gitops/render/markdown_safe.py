"""Text of others, dead in Markdown: GitHub renders what a plan says in a comment, under the
project's own name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mlflow_gitops.core.wording import counted
from mlflow_gitops.render.terminal import safe

LIMIT = 65_000
"""Bytes of one page. GitHub takes 65,536 characters in a comment; what posts it may add a line of
its own."""

LONGEST = 240
"""Characters of one text of others."""

_TICKS = re.compile(r"`+")
_PIPES = re.compile(r"(\\*)\|")


def code(text: str, longest: int = LONGEST) -> str:
    """Text as a code span: nothing in one is a link, a mention, a reference, HTML or Markdown
    (CommonMark 0.31, 6.1). It stays on one line."""
    said = safe(text)
    said = said if len(said) <= longest else said[: longest - 1] + "…"
    if not said.strip():
        return '`""`' if not said else f'`"{said}"`'
    fence = "`" * (max((len(run) for run in _TICKS.findall(said)), default=0) + 1)
    pad = " " if said[0] in "` " or said[-1] in "` " else ""
    return f"{fence}{pad}{said}{pad}{fence}"


def fenced(lines: Sequence[str], language: str, longest: int = LONGEST) -> str:
    """Lines as a fenced code block, whose fence is longer than any run of backticks in it
    (CommonMark 0.31, 4.5): as dead as a code span."""
    said = [one if len(one) <= longest else one[: longest - 1] + "…" for one in map(safe, lines)]
    ticks = max((len(run) for one in said for run in _TICKS.findall(one)), default=0)
    fence = "`" * max(3, ticks + 1)
    return "\n".join([f"{fence}{language}", *said, fence])


def cell(text: str, longest: int = LONGEST) -> str:
    """Text as a code span in a table: cells are split at pipes before anything else is read (GFM
    0.29, 4.10). How a backslash before an escaped pipe is read differs from parser to parser, so a
    blank parts them."""
    return _PIPES.sub(
        lambda found: found[1] + (" " if found[1] else "") + "\\|", code(text, longest)
    )


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table. The cells are Markdown already."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


@dataclass(frozen=True, slots=True)
class Block:
    """What is shown whole or not at all: of a model `whole`, or without its details, or nothing.
    Urgent blocks are the last to be cut."""

    whole: str
    without: str
    urgent: bool = False


def bounded(
    head: str,
    blocks: Sequence[Block],
    tail: str,
    what: str,
    limit: int = LIMIT,
    between: str = "\n\n",
) -> str:
    """A page of at most `limit` bytes: details are left out first, then whole blocks, which are
    counted. Head and tail always stay."""
    left = limit - _size(head) - _size(tail) - 400
    order = sorted(range(len(blocks)), key=lambda i: not blocks[i].urgent)
    shown: dict[int, str] = {}
    for i in order:
        cost = _size(blocks[i].without + between)
        if cost <= left:
            shown[i], left = blocks[i].without, left - cost
    for i in order:
        more = _size(blocks[i].whole) - _size(blocks[i].without)
        if i in shown and more <= left:
            shown[i], left = blocks[i].whole, left - more
    said = []
    if cut := len(blocks) - len(shown):
        urgent = sum(1 for i, block in enumerate(blocks) if i not in shown and block.urgent)
        also = f", {urgent} of them with something to look at" if urgent else ""
        said.append(f"… and {counted(cut, f'more {what}')}{also}.")
    if any(shown[i] != blocks[i].whole for i in shown):
        said.append("Comparisons were left out for length.")
    body = between.join(shown[i] for i in sorted(shown))
    return "\n\n".join(
        part
        for part in (head if body == "" else head + between + body if head else body, *said, tail)
        if part
    )


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
