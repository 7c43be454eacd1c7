"""Ends a command that a signal stops in the way that an interrupt does: what it wrote for itself is
deleted first."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

_STOPPING = ("SIGTERM", "SIGHUP")


@contextlib.contextmanager
def unwound_by_signals() -> Iterator[None]:
    """While the body runs, SIGTERM and SIGHUP raise SystemExit with the exit code of a shell (128
    and the number) in the main thread, so that temporary folders are deleted. A signal that is
    ignored, as under nohup, stays ignored."""
    if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
        yield
        return

    numbers = [getattr(signal, name) for name in _STOPPING]
    before = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        if before[number] == signal.SIG_DFL:
            signal.signal(number, _stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
