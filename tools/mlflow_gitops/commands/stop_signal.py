"""What ends the wait between two rounds: a signal that stops the loop, or a hook that wakes it."""

from __future__ import annotations

import contextlib
import threading


class StopSignal:
    """Whether a signal asked the loop to stop.

    Unlike threading.Event, `set` does not wait for a lock: a signal handler runs in the thread that
    it interrupts, and that thread may hold the lock, if two signals come close together or just as
    a wait begins.
    """

    def __init__(self) -> None:
        self._is_set = False
        self._gate = threading.Lock()
        self._gate.acquire()

    def set(self) -> None:
        self._is_set = True
        self.wake()

    def wake(self) -> None:
        """End the wait that goes on, or the next one, without stopping the loop."""
        with contextlib.suppress(RuntimeError):  # it is open already
            self._gate.release()

    def is_set(self) -> bool:
        return self._is_set

    def wait(self, seconds: float) -> None:
        """Wait this long, or until it is set or woken."""
        if not self._is_set:
            self._gate.acquire(timeout=seconds)
