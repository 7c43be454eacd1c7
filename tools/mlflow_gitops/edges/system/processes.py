"""Many files read by several processes: Python reads in one thread at a time.

Each process gets one stretch of the files, and this one keeps a stretch for itself, so that half of
what two processors do need not be sent at all. What the others found is taken in meanwhile, piece
by piece: so nobody waits for one long message to be packed and unpacked. Where no process can be
started, or one ends early, the work is done here.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

FORK_FROM, SPAWN_FROM = 500, 4_000
"""Items from which it pays: a fork takes a hundredth of a second, a new Python that loads this
package twenty times that."""
_MOST = 8
_PIECE = 32
"""Items between two looks at what the others sent. A piece's results should fit into a pipe (64
KiB): who sends more waits."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def parallel_map(work: Callable[[Item], Result], items: Sequence[Item]) -> Iterable[Result]:
    """The same as `map`, on several processors where there are many items. `work`, items and
    results must be picklable."""
    # A process is copied only where that is the system's habit, and never while other threads may
    # hold a lock.
    fork = sys.platform == "linux" and threading.active_count() == 1
    parts = min(_processors(), _MOST)
    if parts < 2 or len(items) < (FORK_FROM if fork else SPAWN_FROM):
        return map(work, items)
    size = -(-len(items) // parts)
    own, *others = (items[at : at + size] for at in range(0, len(items), size))
    asked = [_Asked("fork" if fork else "spawn", work, stretch) for stretch in others]
    results: list[Result] = []
    for piece in _pieces(own):
        results += map(work, piece)
        for one in asked:
            one.take()
    for one in asked:
        results += one.all()
    return results


def _pieces(items: Sequence[Item]) -> Iterable[Sequence[Item]]:
    return (items[at : at + _PIECE] for at in range(0, len(items), _PIECE))


class _Asked(Generic[Item, Result]):
    """A stretch of the items that another process works on."""

    def __init__(self, method: str, work: Callable[[Item], Result], items: Sequence[Item]) -> None:
        self._work = work
        self._items = items
        self._found: list[Result] = []
        self._receiver = _start(method, work, items)

    def take(self) -> None:
        """Take in what was sent so far."""
        while self._receiver is not None and self._receiver.poll():
            self._next(self._receiver)

    def all(self) -> Sequence[Result]:
        """All results. What the process did not send, because there is none or it ended early, is
        done here."""
        while self._receiver is not None and len(self._found) < len(self._items):
            self._next(self._receiver)
        return [*self._found, *map(self._work, self._items[len(self._found) :])]

    def _next(self, receiver: Connection) -> None:
        try:
            self._found += receiver.recv()
        except (EOFError, OSError):
            receiver.close()
            self._receiver = None


def _start(method: str, work: Callable[[Item], Result], items: Sequence[Item]) -> Connection | None:
    """Have another process do it; None where there can be none (a system without semaphores, too
    many processes)."""
    import multiprocessing

    context: Any = multiprocessing.get_context(method)
    receiver, sender = context.Pipe(duplex=False)
    try:
        # A daemon does not outlive this process where that ends early.
        context.Process(target=_do, args=(receiver, sender, work, items), daemon=True).start()
    except (OSError, RuntimeError):
        receiver.close()
        return None
    finally:
        sender.close()
    return receiver  # type: ignore[no-any-return]


def _do(
    receiver: Connection, sender: Connection, work: Callable[[Item], Result], items: Sequence[Item]
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one who asked tells of an interruption
    receiver.close()  # else sending would wait for ever once nobody is there to receive
    for piece in _pieces(items):
        sender.send(list(map(work, piece)))


def _processors() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
