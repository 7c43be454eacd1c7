"""One command line in a child process with an end: its exit code, what it said, what it cost and
which files it opened.

The child is forked from a process that has loaded the command line and not MLflow, so that a case
costs some milliseconds and its memory is its own. `Children` is the side of the tests; `python -m
tests.hostile.measured` the process.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.support.team import GIT_ENVIRONMENT

SECONDS = 2.0 * 2
"""Of processor time, git's included. Two are promised; the rest is for machines that are slower
than a desk's."""
MEGABYTES = 300
_LIMIT = 20
"""Seconds after which the kernel ends a child, so that a case which never ends fails and does not
wait."""
_LOADED = ("log", "show", "validate", "report", "codeowners", "init", "finish_edit", "reconcile")


@dataclass(frozen=True)
class Cost:
    """What a run cost. `opened` are the files that the process itself opened, without git's."""

    code: int
    out: str
    err: str
    seconds: float
    megabytes: float
    opened: list[str]

    @property
    def said(self) -> str:
        return self.out + self.err

    def must_be_fair(self, folder: Path) -> Cost:
        """It ended by itself with a code of ours, no traceback, in time and in bounds, and opened
        nothing beside the repository in its neighbourhood."""
        shown = f"{self}"[:3000]
        assert self.code in (0, 1, 2, 3, 4, 5, 64), shown
        assert "Traceback" not in self.said and "Exception" not in self.err, shown
        assert self.seconds < SECONDS and self.megabytes < MEGABYTES, shown
        beside = [
            file
            for file in self.opened
            if file.startswith(f"{folder.parent}/") and f"{folder}/" not in file
        ]
        assert not beside, beside
        return self


class Children:
    """The tests' side of the process that forks."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.hostile.measured"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, folder: Path, *arguments: str) -> Cost:
        """Run a command line on a repository."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(
            json.dumps([str(self._scratch), "--repo", str(folder), *arguments]) + "\n"
        )
        self._process.stdin.flush()
        told: dict[str, Any] = json.loads(self._process.stdout.readline())
        return Cost(**told)

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(10)


def cost_of(call: Callable[[], object]) -> tuple[float, float]:
    """Processor seconds and megabytes that a call takes in a forked process, whether it raises or
    not. The kernel ends one that never ends."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        resource.setrlimit(resource.RLIMIT_CPU, (_LIMIT, _LIMIT))
        before = resource.getrusage(resource.RUSAGE_SELF)
        with contextlib.suppress(Exception):
            call()
        after = resource.getrusage(resource.RUSAGE_SELF)
        unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
        memory = (after.ru_maxrss - before.ru_maxrss) / unit
        os.write(writer, json.dumps([after.ru_utime + after.ru_stime, memory]).encode())
        os._exit(0)
    os.close(writer)
    with open(reader) as answers:
        answer = answers.read()
    os.waitpid(pid, 0)
    assert answer, f"it took more than {_LIMIT} seconds, or it was killed"
    seconds, megabytes = json.loads(answer)
    return seconds, megabytes


def _serve() -> None:
    import importlib

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    importlib.import_module("mlflow_gitops.cli")
    for name in _LOADED:
        importlib.import_module(f"mlflow_gitops.commands.{name}")
    importlib.import_module("mlflow_gitops.app.imports.importer")
    importlib.import_module("jsonschema")
    for key in [key for key in os.environ if key.startswith("MLFLOW_")]:
        del os.environ[key]
    os.environ.update(GIT_ENVIRONMENT)
    for line in sys.stdin:
        scratch, *arguments = json.loads(line)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        pid = os.fork()
        if pid == 0:
            _child(Path(scratch), arguments)
        _, status, used = os.wait4(pid, 0)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
        out, err, opened = (
            (Path(scratch) / name).read_text(errors="replace") for name in ("out", "err", "opened")
        )
        cost = Cost(
            os.waitstatus_to_exitcode(status),
            out,
            err,
            after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime,
            used.ru_maxrss / unit,
            opened.split("\0")[:-1],
        )
        answers.write(json.dumps(asdict(cost)) + "\n")
        answers.flush()


def _child(scratch: Path, arguments: list[str]) -> None:
    code = 70
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for number, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(scratch / name, flags), number)
        opened = os.open(scratch / "opened", flags)
        resource.setrlimit(resource.RLIMIT_CPU, (_LIMIT, _LIMIT))

        def hear(event: str, args: tuple[Any, ...]) -> None:
            if event == "open" and isinstance(args[0], (str, bytes)):
                os.write(opened, os.path.realpath(os.fsencode(args[0])) + b"\0")  # where links lead

        sys.addaudithook(hear)
        from mlflow_gitops.cli import main

        code = main(arguments)
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        import traceback

        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


if __name__ == "__main__":
    _serve()
