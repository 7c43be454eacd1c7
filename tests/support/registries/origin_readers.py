"""Reads other environments as `other_environments/origins.py` does, by a process that has loaded
MLflow once and forks for each reading: to load it takes two seconds of the processor."""

from __future__ import annotations

import importlib
import io
import os
import pickle
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

from mlflow_gitops.edges.mlflow.other_environments import process
from tests.support.console.module_process import module_process

_LOADED = (
    "mlflow",
    "mlflow.store.model_registry.rest_store",
    "mlflow.store.model_registry.sqlalchemy_store",
    "mlflow.store.tracking.rest_store",
    "mlflow.store.tracking.sqlalchemy_store",
)


class OriginReaders:
    """Takes the place of the module `subprocess` in `origins.py`."""

    def __init__(self, reader: subprocess.Popen[bytes]) -> None:
        self._process = reader
        self._lock = threading.Lock()

    def run(
        self,
        command: Sequence[str],
        *,
        input: bytes,
        env: Mapping[str, str],
        cwd: str,
        capture_output: bool,
    ) -> subprocess.CompletedProcess[bytes]:
        assert command[1:] == ["-m", process.__name__] and capture_output
        assert self._process.stdin and self._process.stdout
        with self._lock:
            pickle.dump((input, dict(env), cwd), self._process.stdin)
            self._process.stdin.flush()
            code, errors = pickle.load(self._process.stdout)
        return subprocess.CompletedProcess(command, code, b"", errors)


@contextmanager
def origin_readers() -> Iterator[OriginReaders]:
    with module_process("tests.support.registries.origin_readers") as reader:
        yield OriginReaders(reader)


def _serve() -> None:
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    for name in _LOADED:
        importlib.import_module(name)

    while True:
        try:
            request = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        with TemporaryFile() as errors:
            pid = os.fork()
            if pid == 0:
                _read(*request, errors.fileno())
            _, status = os.waitpid(pid, 0)
            errors.seek(0)
            pickle.dump((os.waitstatus_to_exitcode(status), errors.read()), answers)
        answers.flush()


def _read(request: bytes, variables: Mapping[str, str], folder: str, errors: int) -> None:
    """Read what is requested, and end this process, whatever happens."""
    code = 1
    try:
        for output in (1, 2):
            os.dup2(errors, output)
        os.environ.clear()
        os.environ.update(variables)
        os.chdir(Path(folder))
        sys.stdin = io.TextIOWrapper(io.BytesIO(request))
        process.main()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve()
    os._exit(0)
