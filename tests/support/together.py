"""What xdist's workers share: made by the first who needs it, ended by the last who leaves."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


def common_folder(factory: pytest.TempPathFactory) -> Path:
    """A temporary folder that is the same for every worker of a run."""
    base = factory.getbasetemp()
    return base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Only one process at a time is in here."""
    import fcntl

    with open(file, "w") as lock_file:
        fcntl.flock(lock_file, fcntl.LOCK_EX)
        yield


def made_once(file: Path, make: Callable[[], bytes]) -> bytes:
    """The content of a file that the first worker makes and the others read."""
    with locked(file.with_suffix(".lock")):
        if not file.exists():
            file.write_bytes(make())
    return file.read_bytes()


def import_own_share(tests: Path) -> None:
    """Import this worker's share of all test modules, before it collects them. pytest compiles each
    of them with asserts that explain themselves, and keeps that beside it: in a fresh clone no
    worker does it again for a module that is another's. A module that cannot be imported is
    reported when it is collected."""
    number = int(os.environ["PYTEST_XDIST_WORKER"].removeprefix("gw"))
    workers = int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    for file in sorted(tests.rglob("test_*.py"))[number::workers]:
        name = ".".join(file.relative_to(tests.parent).with_suffix("").parts)
        with contextlib.suppress(Exception, pytest.skip.Exception):
            importlib.import_module(name)


@dataclass(frozen=True)
class Shared:
    """A server that the workers share: its address, and the folder that it lives in."""

    address: str
    folder: Path


@contextmanager
def one_for_all(
    folder: Path, name: str, start: Callable[[Path], tuple[str, list[int]]]
) -> Iterator[Shared]:
    """A server for all workers. `start` gets a folder for it and gives its address and the process
    groups to end."""
    lock, state = folder / f"{name}.lock", folder / f"{name}.json"
    with locked(lock):
        users_state: dict[str, Any] = (
            json.loads(state.read_text()) if state.exists() else {"users": 0}
        )
        if not users_state["users"]:
            # It may have been ended before: then this is another one.
            home = folder / f"{name}-{os.getpid()}"
            home.mkdir(exist_ok=True)
            users_state["address"], users_state["groups"] = start(home)
            users_state["folder"] = str(home)
        users_state["users"] += 1
        state.write_text(json.dumps(users_state))
    try:
        yield Shared(users_state["address"], Path(users_state["folder"]))
    finally:
        with locked(lock):
            users_state = json.loads(state.read_text())
            users_state["users"] -= 1
            state.write_text(json.dumps(users_state))
            if not users_state["users"]:
                for group in users_state["groups"]:
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(group, signal.SIGKILL)
