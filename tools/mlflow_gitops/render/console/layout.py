"""Text laid out for a terminal: how wide it is shown, how it is cut and wrapped, and tables.

Widths are cells: most East Asian characters and emoji take two of them, and combining characters
none. A width of None is no limit: what is not printed to a terminal is neither cut nor wrapped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from mlflow_gitops.render.terminal import Style

_NARROWEST = 8
"""Cells that a column keeps, however narrow the terminal is."""
_GAP = "  "


class Styled(NamedTuple):
    """A part of a text with its colour, and the address that it leads to."""

    text: str
    colour: str | None = None
    url: str | None = None


def cell_width(text: str) -> int:
    """How many cells of a terminal a line takes. It has no control characters."""
    if text.isascii():
        return len(text)
    from wcwidth import wcswidth  # most text is ASCII, and start-up does not pay for the remainder

    return max(int(wcswidth(text)), 0)


def padded(text: str, width: int) -> str:
    """Text filled up with spaces to a width."""
    return text + " " * (width - cell_width(text))


def cut_middle(text: str, width: int) -> str:
    """Text of at most so many cells. What is missing is in the middle, since names of models often
    differ at their ends."""
    if cell_width(text) <= width:
        return text
    if width < 1:
        return ""
    tail = (width - 1) // 2
    return f"{_start(text, width - 1 - tail)}…{_end(text, tail)}"


def _start(text: str, width: int) -> str:
    """As many characters from the start as fit."""
    end = min(len(text), width)
    while end and cell_width(text[:end]) > width:
        end -= 1
    return text[:end]


def _end(text: str, width: int) -> str:
    begin = max(len(text) - width, 0)
    while begin < len(text) and cell_width(text[begin:]) > width:
        begin += 1
    return text[begin:]


# -- paragraphs ------------------------------------------------------------------------------------


def paragraph(
    spans: Iterable[Styled], style: Style, indent: str = "", hanging: str | None = None
) -> Iterator[str]:
    """A text in lines that fit. The first one begins with `indent`, all others with `hanging`, by
    default two cells further in."""
    hanging = indent + _GAP if hanging is None else hanging
    tokens = list(_tokens(spans))
    if style.width is None:
        yield indent + _printed([span for token in tokens for span in token], style)
        return

    line: list[Styled] = []
    margin = indent
    for token in _broken(tokens, max(style.width - cell_width(hanging), 1)):
        line_width = cell_width(margin) + sum(cell_width(span.text) for span in (*line, *token))
        if any(span.text.strip() for span in line) and line_width > style.width:
            yield margin + _printed(line, style)
            line, margin = [], hanging
        if line or token[0].text != " ":
            line += token
    yield margin + _printed(line, style)


def _tokens(spans: Iterable[Styled]) -> Iterator[list[Styled]]:
    """Words, each of one or more spans, and the spaces between them."""
    token: list[Styled] = []
    for span in spans:
        for index, part in enumerate(span.text.split(" ")):
            if index:
                if token:
                    yield token
                token = []
                yield [span._replace(text=" ")]
            if part:
                token.append(span._replace(text=part))
    if token:
        yield token


def _broken(tokens: Iterable[list[Styled]], width: int) -> Iterator[list[Styled]]:
    """The tokens; those that are wider than a line in parts."""
    for token in tokens:
        if sum(cell_width(span.text) for span in token) <= width:
            yield token
            continue
        for span in token:
            remainder = span.text
            while remainder:
                part = _start(remainder, width) or remainder[:1]
                yield [span._replace(text=part)]
                remainder = remainder[len(part) :]


def _printed(line: Sequence[Styled], style: Style) -> str:
    """A line with its colours and links. Neighbours that look alike are printed as one."""
    merged: list[Styled] = []
    for span in line:
        if merged and merged[-1][1:] == span[1:]:
            merged[-1] = merged[-1]._replace(text=merged[-1].text + span.text)
        else:
            merged.append(span)
    if merged and style.width is not None:
        merged[-1] = merged[-1]._replace(text=merged[-1].text.rstrip(" "))
    return "".join(style.link(style(span.text, span.colour), span.url) for span in merged)


# -- tables ----------------------------------------------------------------------------------------


class Column(NamedTuple):
    """How a column of a table may become narrower: its cells are cut in the middle, to no less than
    `least` cells. None: they are never cut."""

    least: int | None = None


def fitted(widths: Sequence[int], columns: Sequence[Column], width: int | None) -> list[int]:
    """The widths of a table's columns that together take at most `width` cells, if cutting can do
    that. The widest column that can be cut is cut first."""
    fitting = list(widths)
    if width is None:
        return fitting
    excess = sum(fitting) + len(_GAP) * (len(fitting) - 1) - width
    while excess > 0:
        cuttable = [
            index
            for index, column in enumerate(columns)
            if column.least is not None and fitting[index] > max(column.least, _NARROWEST)
        ]
        if not cuttable:
            break
        fitting[max(cuttable, key=lambda index: fitting[index])] -= 1
        excess -= 1
    return fitting


class TableRow(NamedTuple):
    """A row of a table: cells in columns, and a text that is wrapped below itself."""

    cells: Sequence[Styled]
    last: Sequence[Styled] = ()


def table_lines(
    rows: Sequence[TableRow], columns: Sequence[Column], style: Style, last_least: int = 24
) -> Iterator[str]:
    """The lines of `table_rows`, one row after the other."""
    for lines in table_rows(rows, columns, style, last_least):
        yield from lines


def table_rows(
    rows: Sequence[TableRow], columns: Sequence[Column], style: Style, last_least: int = 24
) -> Iterator[list[str]]:
    """The lines of each row, in columns. If fewer than `last_least` cells are left for the last
    text, it begins on a line of its own."""
    if not rows:
        return
    natural = [max(cell_width(row.cells[i].text) for row in rows) for i in range(len(columns))]
    widths, is_narrow = _table_widths(natural, rows, columns, style, last_least)
    offset = sum(widths) + len(_GAP) * len(widths)
    for row in rows:
        texts = [
            padded(cut_middle(cell.text, width), width)
            for cell, width in zip(row.cells, widths, strict=True)
        ]
        if not row.last:
            texts[-1] = texts[-1].rstrip(" ")
        cells = [style(text, cell.colour) for text, cell in zip(texts, row.cells, strict=True)]
        head = _GAP.join(cells)
        if not row.last:
            yield [head]
        elif is_narrow:
            yield [head, *paragraph(row.last, style, _GAP * 2, _GAP * 2)]
        else:
            first, *continuation = paragraph(row.last, style, " " * offset, " " * offset)
            yield [head + _GAP + first[offset:], *continuation]


def _table_widths(
    natural: Sequence[int],
    rows: Sequence[TableRow],
    columns: Sequence[Column],
    style: Style,
    last_least: int,
) -> tuple[list[int], bool]:
    """The widths of the columns, and whether too little is left beside them for the last text."""
    if style.width is None:
        return list(natural), False
    last = max(sum(cell_width(span.text) for span in row.last) for row in rows)
    needed = min(last, last_least)
    beside = style.width - (len(_GAP) + needed if needed else 0)
    widths = fitted(natural, columns, beside)
    if sum(widths) + len(_GAP) * (len(widths) - 1) <= beside:
        return widths, False
    return fitted(natural, columns, style.width), True
