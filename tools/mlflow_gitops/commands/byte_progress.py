"""How many bytes have been read so far, on a terminal."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

from mlflow_gitops.core.recorded.numbers import format_size
from mlflow_gitops.settings import Settings


@contextlib.contextmanager
def byte_progress(settings: Settings, label: str) -> Iterator[Callable[[int], None]]:
    """Yield what gets the number of bytes read so far: on a terminal, it rewrites one line of
    stderr, which is removed at the end."""
    if settings.verbosity < 0 or not sys.stderr.isatty():
        yield lambda count: None
        return

    def show(text: str) -> None:
        with contextlib.suppress(OSError):
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)

    try:
        yield lambda count: show(f"{label}: {format_size(count)}")
    finally:
        show("")
