"""What Linux tells of processes, and lets one do about its own. Elsewhere nothing is known."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from mlflow_gitops.errors import Failure

_SET_DUMPABLE, _SET_CHILD_SUBREAPER = 4, 36  # prctl(2)
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


@contextlib.contextmanager
def guarded() -> Iterator[frozenset[int]]:
    """Meanwhile, no other process of this user can read this one's variables and memory below /proc
    (root can), and this process becomes the parent of each one below it whose own parent ended. The
    value is the children that it had before."""
    _prctl(_SET_DUMPABLE, 0)
    _prctl(_SET_CHILD_SUBREAPER, 1)
    try:
        yield frozenset(_children(_parents()).get(os.getpid(), ()))
    finally:
        _prctl(_SET_CHILD_SUBREAPER, 0)
        _prctl(_SET_DUMPABLE, 1)


def family(before: frozenset[int]) -> set[int]:
    """All processes below this one, except those in `before` and what these started."""
    children = _children(_parents())
    members: set[int] = set()
    waiting = [pid for pid in children.get(os.getpid(), ()) if pid not in before]
    while waiting:
        pid = waiting.pop()
        members.add(pid)
        waiting += children.get(pid, ())
    return members


def memory(processes: set[int]) -> int:
    """Bytes of memory that these processes have together; shared ones count for each."""
    return sum(_resident_pages(pid) for pid in processes) * _PAGE


def _prctl(option: int, value: int) -> None:
    """Raises Failure if Linux refuses: nothing that is not trusted may run then."""
    if sys.platform == "linux":
        import ctypes

        if ctypes.CDLL(None).prctl(option, value, 0, 0, 0) != 0:
            raise Failure("This system does not let a process be kept from others (prctl).")


def _parents() -> dict[int, int]:
    """Each process with its parent (proc(5))."""
    if sys.platform != "linux":
        return {}
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    fields = ((pid, _fields(pid)) for pid in pids)
    return {pid: int(values[1]) for pid, values in fields if values}


def _children(parents: Mapping[int, int]) -> dict[int, list[int]]:
    children: dict[int, list[int]] = {}
    for pid, parent in parents.items():
        children.setdefault(parent, []).append(pid)
    return children


def _resident_pages(pid: int) -> int:
    values = _fields(pid)
    return int(values[21]) if values else 0


def _fields(pid: int) -> list[str]:
    """The fields of a process after its name, which may hold anything; none if it has ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()
