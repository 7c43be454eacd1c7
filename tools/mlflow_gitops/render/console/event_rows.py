"""The events of an audit trail as rows of text, which wait in little memory until all are known."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_ROWS = 512  # of one block
_PLAIN_ROWS = 20_000
"""So many rows wait as they are: in a history that is not very long, packing them would only take
time."""
_CELL_END = "\0"
_ROW_END = "\1"


Coloured = tuple[str, "str | None"]
"""A text and its colour."""


class EventText(NamedTuple):
    """One event: its cells (when, model, stage, change, author, subject), the short id of its
    commit, the colour of its change, its effect, and what follows below it."""

    cells: tuple[str, ...]
    commit: str
    change_colour: str
    effect: Coloured
    remarks: Sequence[Coloured]


class EventRows:
    """Rows of cells, of which all but the first are compressed in blocks. No cell may contain a
    control character."""

    def __init__(self) -> None:
        self._plain: list[Sequence[str]] = []
        self._blocks: list[bytes] = []
        self._rows: list[str] = []

    def add(self, cells: Sequence[str]) -> None:
        if len(self._plain) < _PLAIN_ROWS:
            self._plain.append(cells)
            return
        self._rows.append(_CELL_END.join(cells))
        if len(self._rows) == _ROWS:
            text = _ROW_END.join(self._rows)
            self._blocks.append(zlib.compress(text.encode("utf-8", "surrogatepass"), 1))
            self._rows.clear()

    def __iter__(self) -> Iterator[Sequence[str]]:
        yield from self._plain
        for block in self._blocks:
            text = zlib.decompress(block).decode("utf-8", "surrogatepass")
            for row in text.split(_ROW_END):
                yield row.split(_CELL_END)
        for row in self._rows:
            yield row.split(_CELL_END)
