"""What this process prints: without secrets of its environment, and without text that the CI runner
which reads it would obey."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any, TextIO, cast

Filter = Callable[[str], str]


class GuardedStream:
    """A text stream whose text passes through filters. Everything else is the stream's own.

    This is the last guard. Text of other programs is masked where it arrives (`redaction.py`), with
    shorter secrets, too, which here could be a part of any word.
    """

    def __init__(self, stream: TextIO, find_filter: Callable[[], Filter]) -> None:
        self._stream = stream
        self._find_filter = find_filter
        self.is_used = False
        """Whether anything was written."""

    def write(self, text: str) -> int:
        self.is_used = True
        if text != "\n":
            self._stream.write(self._neutralise(self._without_secrets(text)))
        else:
            self._stream.write(text)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def write_command(self, line: str) -> None:
        """Write a command that the runner is to obey."""
        self._stream.write(f"{self._without_secrets(line)}\n")

    def to(self, stream: TextIO) -> TextIO:
        """Return another stream behind the same filters."""
        return cast(TextIO, GuardedStream(stream, self._find_filter))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @cached_property
    def _neutralise(self) -> Filter:
        return self._find_filter()

    @cached_property
    def _without_secrets(self) -> Filter:
        from mlflow_gitops.edges.system.redaction import without_environment_secrets

        return without_environment_secrets()


@contextmanager
def guarded_streams(find_filter: Callable[[], Filter]) -> Iterator[None]:
    """Let stdout and stderr be guarded. `find_filter` is called once something is printed; it
    returns what makes text inert for the CI runner."""
    before = sys.stdout, sys.stderr
    sys.stdout = GuardedStream(before[0], find_filter)
    sys.stderr = GuardedStream(before[1], find_filter)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def print_command(line: str) -> None:
    """Print a command for the CI runner to stdout, which is not made inert."""
    if isinstance(sys.stdout, GuardedStream):
        sys.stdout.write_command(line)
    else:
        print(line)
