"""Where a run can be stopped: before and after each request to MLflow and each git command.

`install` puts itself around the two edges of a forked run. Each boundary is written down with what
a reader of the watched models would be served at that moment, so that every state between two
writes is looked at, not only those that a poll meets.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

Served = dict[str, tuple[int | None, int | None]]
"""Model to what `models:/m/Production` and `models:/m@production` are."""


def served(database: str, models: list[str]) -> Served:
    """What MLflow serves: of a stage, the highest version in it (3.17)."""
    found: Served = {}
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)) as connection:
        for name in models:
            [stage] = connection.execute(
                "SELECT max(version) FROM model_versions WHERE name = ? AND current_stage ="
                " 'Production'",
                (name,),
            ).fetchone()
            alias = connection.execute(
                "SELECT version FROM registered_model_aliases WHERE name = ? AND alias ="
                " 'production'",
                (name,),
            ).fetchone()
            found[name] = stage, alias[0] if alias else None
    return found


@dataclass
class Boundaries:
    """Counts the calls of one run. At call `at`, `before` or `after` it, the run is killed, or
    waits for the word to go on: `pause` names a FIFO that it opens to say so and reads from."""

    trace: int
    """A file descriptor: what is written to it stays when the process is killed."""
    at: int | None = None
    side: str = "before"
    pause: str | None = None
    look: Callable[[], Served] = dict
    count: int = 0

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    def around(self, kind: str, name: str, call: Callable[[], Any]) -> Any:
        with self._lock:
            number = self.count
            self.count += 1
        self._meet(number, "before")
        try:
            return call()
        finally:
            self._meet(number, "after")
            line = json.dumps([number, kind, name, self.look() if kind == "mlflow" else {}])
            os.write(self.trace, f"{line}\n".encode())

    def _meet(self, number: int, side: str) -> None:
        if (number, side) != (self.at, self.side):
            return
        if self.pause is None:
            os.kill(os.getpid(), signal.SIGKILL)
        else:
            with open(self.pause, "w") as said:
                said.write("here")
            with open(self.pause) as told:
                told.read()


def install(boundaries: Boundaries) -> None:
    """Put the boundaries around both edges, in this process."""
    from mlflow_gitops.edges.git.repository import Git
    from mlflow_gitops.edges.mlflow.server import Server

    ask, start = Server.ask, Git._execute

    def watched_ask(self: Any, call: Any, *args: Any, **options: Any) -> Any:
        name = getattr(call, "__name__", "")
        return boundaries.around("mlflow", name, lambda: ask(self, call, *args, **options))

    def watched_start(self: Any, *args: str, **options: Any) -> Any:
        return boundaries.around("git", " ".join(args[:2]), lambda: start(self, *args, **options))

    Server.ask = watched_ask  # type: ignore[method-assign]
    Git._execute = watched_start  # type: ignore[method-assign]
