"""Streams that a program writes to in a test."""

from __future__ import annotations

import io


class Terminal(io.StringIO):
    """A stream that reports to be a terminal, so that a program may colour and ask."""

    def isatty(self) -> bool:
        return True
