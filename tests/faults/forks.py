"""A process that has loaded MLflow once and forks for every run: a run costs a third of a second,
so thousands are possible.

`Forks` is the side of the tests; `python -m tests.faults.forks` the process. They speak in lines of
JSON.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mlflow_gitops.settings import Patience, Settings
from tests.support.console.module_process import module_process
from tests.support.team import GIT_ENVIRONMENT

_LOADED = (
    "mlflow",
    "mlflow.store.model_registry.rest_store",
    "mlflow.store.model_registry.sqlalchemy_store",
    "mlflow.store.tracking.rest_store",
    "mlflow.store.tracking.sqlalchemy_store",
    *(f"mlflow_gitops.commands.{name}" for name in ("plan", "reconcile", "status", "verify")),
    "mlflow_gitops.cli",
    "mlflow_gitops.edges.mlflow.registry",
)


@dataclass(frozen=True)
class Job:
    """One run of the command line. `steps` are command lines, or a method of MlflowClient with its
    arguments, as `["click", "set_model_version_tag", "m", "1", "k", "v"]`: somebody in MLflow's
    UI."""

    folder: str
    uri: str
    steps: list[list[str]]
    log: str
    """Where what it says goes: `.out`, `.err` and `.trace` are added."""
    at: int | None = None
    side: str = "before"
    pause: str | None = None
    watch: list[str] = field(default_factory=list)
    patience: float = 0.0
    """Seconds until a request without an answer is given up, and hundred times the pauses after a
    failure; 0: as it is."""
    file_limit: int | None = None
    """The largest file that may be written, in bytes: a full disk."""
    env: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Ended:
    """What became of a run: its exit code, -9 where it was killed, and what it said."""

    code: int
    out: str
    err: str
    trace: list[tuple[int, str, str, dict[str, list[int | None]]]]

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Running:
    """A run that goes on beside the test."""

    pid: int
    _job: Job
    _forks: Forks
    _ended: Ended | None = None

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> Ended:
        if self._ended is None:
            code = self._forks.ask({"wait": self.pid})["code"]
            out, err, trace = (
                Path(self._job.log + end).read_text() for end in (".out", ".err", ".trace")
            )
            assert "Traceback" not in out + err, err
            self._ended = Ended(code, out, err, [json.loads(line) for line in trace.splitlines()])
        return self._ended


class Forks:
    """The tests' side of the process that forks."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, request: dict[str, Any]) -> Any:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def start(self, job: Job) -> Running:
        return Running(self.ask({"start": asdict(job)})["pid"], job, self)

    def run(self, job: Job) -> Ended:
        return self.start(job).wait()


@contextmanager
def forks() -> Iterator[Forks]:
    with module_process("tests.faults.forks", text=True) as process:
        yield Forks(process)


def _serve() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    _load()
    for line in sys.stdin:
        request = json.loads(line)
        if "start" in request:
            pid = os.fork()
            if pid == 0:
                _child(Job(**request["start"]))
            answer = {"pid": pid}
        else:
            _, status = os.waitpid(request["wait"], 0)
            answer = {"code": os.waitstatus_to_exitcode(status)}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _load() -> None:
    """Everything that a run imports, and the tables' classes tied together: most of a run's time
    otherwise."""
    for name in _LOADED:
        importlib.import_module(name)
    orm: Any = importlib.import_module("sqlalchemy.orm")
    orm.configure_mappers()


def _child(job: Job) -> None:
    """Run one job and end this process, whatever happens."""
    code = 70
    try:
        for number, end in ((1, ".out"), (2, ".err")):
            os.dup2(os.open(job.log + end, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), number)
        _surroundings(job)
        for step in job.steps:
            code = _click(job.uri, step[1:]) if step[0] == "click" else _command(job, step)
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        import traceback

        traceback.print_exc()
        sys.stderr.flush()
        code = 70
    finally:
        os._exit(code)


def _surroundings(job: Job) -> None:
    from tests.faults.boundaries import Boundaries, install, served

    for key in [key for key in os.environ if key.startswith("MLFLOW_")]:
        del os.environ[key]
    os.environ.update(GIT_ENVIRONMENT | {"MLFLOW_DISABLE_TELEMETRY": "true"} | job.env)
    database = job.uri.removeprefix("sqlite:///")
    trace = os.open(job.log + ".trace", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    look = (
        (lambda: served(database, job.watch))
        if job.uri.startswith("sqlite:") and job.watch
        else dict
    )
    install(Boundaries(trace, job.at, job.side, job.pause, look))
    if job.patience:
        os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] = str(max(1, round(job.patience)))
    if job.file_limit is not None:
        import resource

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (job.file_limit, job.file_limit))


def _command(job: Job, arguments: Sequence[str]) -> int:
    from mlflow_gitops.cli import main

    given = ["--repo", job.folder, "--tracking-uri", job.uri, *arguments]
    return main(given, Settings(patience=_patience(job.patience)))


def _patience(seconds: float | None) -> Patience:
    """How long a job waits for others: as a user's command does, or about `seconds`."""
    if not seconds:
        return Patience()
    return Patience(
        answer=seconds * 2,
        probe=seconds * 2,
        given_up=seconds,
        read_backoff=0,
        write_pauses=(seconds / 100, seconds / 50, seconds / 25),
    )


def _click(uri: str, call: Sequence[str]) -> int:
    from mlflow import MlflowClient

    method, *arguments = call
    getattr(MlflowClient(uri), method)(*arguments)
    return 0


if __name__ == "__main__":
    _serve()
    os._exit(0)  # to take down all that is loaded takes seconds, and nobody needs it
