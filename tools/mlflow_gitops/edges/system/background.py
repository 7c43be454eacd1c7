"""Something that is read while this process goes on."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Generic, TypeVar

T = TypeVar("T")


class BackgroundCall(Generic[T]):
    """Calls `work` in a thread of its own, at once. `concurrent.futures` would do as much, and
    takes longer to load than most of what is read so."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._found: T | None = None
        self._failed: BaseException | None = None
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def result(self) -> T:
        """What `work` returned, once it has. Raises what it raised."""
        self._thread.join()
        if self._failed is not None:
            raise self._failed
        return self._found  # type: ignore[return-value]  # a T: it did not fail

    def _run(self) -> None:
        try:
            self._found = self._work()
        except BaseException as error:  # told by `result`
            self._failed = error
