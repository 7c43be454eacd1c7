"""Many files read by several processes: Python reads in one thread at a time.

Each process gets one stretch of the files, and this one keeps a stretch for itself, so that half of what two processors do
need not be sent at all. Where no process can be started the work is done here.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

FORK_FROM, SPAWN_FROM = 500, 4_000
"""Items from which it pays: a fork takes a hundredth of a second, a new Python that loads this package twenty times that."""
_MOST = 8

Item = TypeVar("Item")
Result = TypeVar("Result")


def spread(work: Callable[[Item], Result], items: Sequence[Item]) -> Iterable[Result]:
    """The same as `map`, on several processors where there are many items. `work`, items and results must be picklable."""
    # A process is copied only where that is the system's habit, and never while other threads may hold a lock.
    fork = sys.platform == "linux" and threading.active_count() == 1
    parts = min(_processors(), _MOST)
    if parts < 2 or len(items) < (FORK_FROM if fork else SPAWN_FROM):
        return map(work, items)
    size = -(-len(items) // parts)
    stretches = [items[at : at + size] for at in range(0, len(items), size)]
    asked = [_start("fork" if fork else "spawn", work, stretch) for stretch in stretches[1:]]
    results = list(map(work, stretches[0]))
    for receiver, stretch in zip(asked, stretches[1:], strict=True):
        results += _received(receiver) or map(work, stretch)
    return results


def _start(method: str, work: Callable[[Item], Result], items: Sequence[Item]) -> Connection | None:
    """Have another process do it; None where there can be none (a system without semaphores, too many processes)."""
    import multiprocessing

    context: Any = multiprocessing.get_context(method)
    receiver, sender = context.Pipe(duplex=False)
    try:
        # A daemon does not outlive this process where that ends early.
        context.Process(target=_do, args=(receiver, sender, work, items), daemon=True).start()
    except (OSError, RuntimeError):
        return None
    finally:
        sender.close()
    return receiver  # type: ignore[no-any-return]


def _do(receiver: Connection, sender: Connection, work: Callable[[Item], Result], items: Sequence[Item]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one who asked tells of an interruption
    receiver.close()  # else sending would wait for ever once nobody is there to receive
    sender.send(list(map(work, items)))


def _received(receiver: Connection | None) -> list[Any] | None:
    """What a process sent; None where it ended before it did."""
    if receiver is None:
        return None
    with receiver:
        try:
            return receiver.recv()  # type: ignore[no-any-return]
        except (EOFError, OSError):
            return None


def _processors() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
