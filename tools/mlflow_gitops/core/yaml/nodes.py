"""Collections that know the positions of their parts in a text."""

from __future__ import annotations

from typing import Any


class Map(dict[str, Any]):
    """A mapping; `marks[key]` holds the character offsets of the key and of its value."""

    __slots__ = ("marks",)

    def __init__(self) -> None:
        super().__init__()
        self.marks: dict[str, tuple[int, int]] = {}


class Seq(list[Any]):
    """A sequence; `marks[i]` is the character offset of item i."""

    __slots__ = ("marks",)

    def __init__(self) -> None:
        super().__init__()
        self.marks: list[int] = []
