"""Text in columns of a terminal: how wide it is shown, and how it is cut.

Widths are cells: most East Asian characters and emoji take two of them, and combining characters
none.
"""

from __future__ import annotations


def cell_width(text: str) -> int:
    """How many cells of a terminal a line takes. It has no control characters."""
    if text.isascii():
        return len(text)
    from wcwidth import wcswidth  # most text is ASCII, and start-up does not pay for the rest

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
