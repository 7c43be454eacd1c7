"""A call that runs in a thread while its caller goes on.

`concurrent.futures` would do the same, but it loads `logging`, which nothing else in `log` needs:
importing it takes 6 to 9 ms, 3 % of a `log` of one model (0.23 s), and its pools keep the process
alive until every thread has ended.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Generic, TypeVar

T = TypeVar("T")


class BackgroundCall(Generic[T]):
    """Calls `work` at once, in a thread that does not keep the process alive."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._value: T | None = None
        self._error: BaseException | None = None
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def result(self) -> T:
        """Wait for `work`; return what it returned, or raise what it raised."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]  # a T, since there was no error

    def _run(self) -> None:
        try:
            self._value = self._work()
        except BaseException as error:  # raised again by `result`
            self._error = error
