"""Text that other people wrote, made inert in Markdown.

GitHub renders a plan in a comment under the project's own name. So a commit's subject or a model's
description must not become a link, a mention or HTML there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mlflow_gitops.core.wording import counted
from mlflow_gitops.render.terminal import safe

LIMIT = 65_000
"""Bytes of one page. GitHub allows 65,536 characters in a comment; the posting command may add a
line of its own."""

ROWS = 40
"""Rows of one table, and lines of one list."""

CELL = 80
"""Characters of one cell of a table."""

LONGEST = 240
"""Characters of one text that other people wrote."""

_NOTES = 400
"""Bytes kept free for the notes that say what was cut."""
_TICKS = re.compile(r"`+")
_PLAIN_WORD = re.compile(
    r"[+-]?[A-Za-z0-9À-ɏ]+(?:(?:[_'-]|(?<=[0-9])[.:](?=[0-9]))[A-Za-z0-9À-ɏ]+)*%?"
)
_OPERATORS = frozenset("<>≤≥=→—–+-…")
_REFERENCE = re.compile(r"www|https?$|ftp$|gh-|[0-9a-f]{7,64}$", re.IGNORECASE)
"""What a word may not begin with, or be: GitHub could make a link of it."""
_START = re.compile(r"(?![0-9]+[.)](?: |$))[(\"'A-Za-z0-9À-ɏ]")
"""How a sentence may begin, so that it does not begin a list, a quotation or a line."""
_PIPES = re.compile(r"(?<!\\)(\\*)\|")


def code(text: str, longest: int = LONGEST) -> str:
    """Text as a code span on one line. Nothing inside a code span is a link, a mention, a
    reference, HTML or Markdown (CommonMark 0.31, 6.1)."""
    line = _shortened(safe(text), longest)
    if not line.strip():
        return f'`"{line}"`'

    fence = "`" * (_longest_run_of_ticks(line) + 1)
    pad = " " if line[0] in "` " or line[-1] in "` " else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def fenced(lines: Sequence[str], language: str, longest: int = LONGEST) -> str:
    """Lines as a fenced code block, as inert as a code span: its fence is longer than any run of
    backticks inside (CommonMark 0.31, 4.5)."""
    shortened = [_shortened(safe(line), longest) for line in lines]
    ticks = max((_longest_run_of_ticks(line) for line in shortened), default=0)
    fence = "`" * max(3, ticks + 1)
    return "\n".join([f"{fence}{language}", *shortened, fence])


def cell(text: str, longest: int = LONGEST) -> str:
    """Text as a code span in a table.

    A table's cells are split at pipes before anything else is parsed (GFM 0.29, 4.10), so pipes are
    escaped. Parsers differ in how they read a backslash before an escaped pipe, so a space goes
    between the two.
    """

    def escaped(match: re.Match[str]) -> str:
        backslashes = match[1]
        return f"{backslashes} \\|" if backslashes else "\\|"

    return _PIPES.sub(escaped, code(text, longest))


def prose(text: str, longest: int = LONGEST, in_table: bool = False) -> str:
    """A sentence as plain Markdown if nothing in it could be read as Markdown, HTML, a link, a
    mention or a reference, and as a code span otherwise. Spans between backticks stay code."""
    line = _shortened(safe(text), longest)
    as_code = cell if in_table else code
    parts = line.split("`")
    plain, spans = parts[::2], parts[1::2]
    is_paired = len(parts) % 2 == 1 and "" not in plain[1:-1] and all(map(str.strip, spans))
    if not is_paired or not _START.match(line) or not all(map(_is_plain, plain)):
        return as_code(text, longest)
    return "".join(
        as_code(part, longest) if index % 2 else part for index, part in enumerate(parts)
    )


def _is_plain(text: str) -> bool:
    """Whether a part of a sentence means nothing in Markdown and to GitHub."""
    return all(map(_is_plain_word, text.split(" ")))


def _is_plain_word(token: str) -> bool:
    core = token.lstrip("(\"'").rstrip(".,:;)\"'…")
    if core == "" or core in _OPERATORS:
        return set(token) <= set("(\"'.,:;)…<>≤≥=→—–+-")
    return _PLAIN_WORD.fullmatch(core) is not None and not _REFERENCE.match(core)


def _shortened(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    # Say how much of a long text is missing. A cell of a table has no space for that.
    missing = f" ({len(text) - longest + 1} more characters)" if longest >= LONGEST else ""
    return f"{text[: longest - 1]}…{missing}"


def _longest_run_of_ticks(text: str) -> int:
    return max((len(run) for run in _TICKS.findall(text)), default=0)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table. The cells are Markdown already."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a page that is shown whole, without its details, or not at all. Urgent blocks are
    cut last."""

    full: str
    without_details: str
    urgent: bool = False


def bounded(
    head: str,
    blocks: Sequence[Block],
    tail: str,
    noun: str,
    limit: int = LIMIT,
    separator: str = "\n\n",
) -> str:
    """A page of at most `limit` bytes: details are cut first, then whole blocks, which the page
    counts as `noun`. Head and tail always stay."""
    texts = _fitting(blocks, limit - _size(head) - _size(tail) - _NOTES, separator)
    body = separator.join(texts[index] for index in sorted(texts))
    if head and body:
        body = head + separator + body
    parts = [body or head, *_cut_notes(blocks, texts, noun), tail]
    return "\n\n".join(part for part in parts if part)


def _fitting(blocks: Sequence[Block], space: int, separator: str) -> dict[int, str]:
    """The blocks that fit into `space` bytes, by their index: urgent ones first, and details only
    once every block had its chance."""
    order = sorted(range(len(blocks)), key=lambda index: not blocks[index].urgent)
    texts: dict[int, str] = {}

    for index in order:
        cost = _size(blocks[index].without_details + separator)
        if cost <= space:
            texts[index] = blocks[index].without_details
            space -= cost
    for index in order:
        cost = _size(blocks[index].full) - _size(blocks[index].without_details)
        if index in texts and cost <= space:
            texts[index] = blocks[index].full
            space -= cost

    return texts


def _cut_notes(blocks: Sequence[Block], texts: dict[int, str], noun: str) -> list[str]:
    notes = []
    cut = [block for index, block in enumerate(blocks) if index not in texts]
    if cut:
        urgent = sum(block.urgent for block in cut)
        suffix = f", {urgent} of them with something to look at" if urgent else ""
        notes.append(f"… and {counted(len(cut), f'more {noun}')}{suffix}.")
    if any(text != blocks[index].full for index, text in texts.items()):
        notes.append("Comparisons were left out for length.")
    return notes


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
