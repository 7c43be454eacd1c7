"""Bounds on what this process does with a text that somebody else wrote."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

SECONDS = 10.0
MEMORY = 256 << 20


@contextlib.contextmanager
def bounded(seconds: float = SECONDS, memory: int = MEMORY) -> Iterator[None]:
    """Raise TimeoutError in the body after `seconds`, and MemoryError if it takes more than so many
    bytes of memory beside those that this process has.

    Time is bounded in the main thread of POSIX systems, memory on Linux.
    """
    with _bounded_memory(memory), _bounded_time(seconds):
        yield


@contextlib.contextmanager
def _bounded_time(seconds: float) -> Iterator[None]:
    is_main = threading.current_thread() is threading.main_thread()
    if sys.platform == "win32" or not is_main:
        yield
        return

    def stop(*_: object) -> None:
        raise TimeoutError(f"it takes longer than {seconds:g} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def _bounded_memory(memory: int) -> Iterator[None]:
    if not sys.platform.startswith("linux"):
        yield
        return

    import resource

    lowest, highest = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    limit = pages * os.sysconf("SC_PAGE_SIZE") + memory
    if lowest != resource.RLIM_INFINITY and lowest <= limit:
        yield
        return
    resource.setrlimit(resource.RLIMIT_AS, (limit, highest))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (lowest, highest))
