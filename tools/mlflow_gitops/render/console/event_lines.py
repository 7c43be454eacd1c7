"""The audit trail on a terminal: columns that fit, and what does not fit on lines below."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mlflow_gitops.render.console.event_rows import EventText
from mlflow_gitops.render.console.layout import Column, Styled, TableRow, paragraph, table_rows
from mlflow_gitops.render.terminal import Style

_COLUMNS = (Column(), Column(), Column(12), Column(10), Column(), Column(10))
_SUBJECT = 48
"""Cells for a commit's subject; with fewer, it begins on a line of its own."""
_NARROW = 110
"""On a terminal of fewer cells, the author stands beside the subject."""


def event_lines(events: Sequence[EventText], style: Style) -> Iterator[str]:
    """One event after the other."""
    is_narrow = style.width is not None and style.width < _NARROW
    rows = [_row(event, is_narrow=is_narrow) for event in events]
    columns = _COLUMNS[:-1] if is_narrow else _COLUMNS
    tables = table_rows(rows, columns, style, _SUBJECT)
    for event, lines in zip(events, tables, strict=True):
        yield from lines
        for text, colour in event.remarks:
            yield from paragraph([Styled(text, colour)], style, "    ")


def _row(event: EventText, *, is_narrow: bool) -> TableRow:
    at, model, stage, change, author, subject = event.cells
    cells = [
        Styled(at, "dim"),
        Styled(event.commit, "yellow"),
        Styled(model, "bold"),
        Styled(stage),
        Styled(change, event.change_colour),
    ]
    last = [Styled(subject)]
    if is_narrow:
        last = [Styled(f"{author}  "), *last] if author else last
    else:
        cells.append(Styled(author))
    effect, colour = event.effect
    return TableRow(cells, [*last, Styled("  "), Styled(effect, colour)] if effect else last)
