"""Runs a program that is not trusted: without credentials, within limits, and ended with all that
it started.

It is no sandbox. The program runs as this process's user and can read what that user can, on Linux
except this process's own variables and memory; SECURITY.md says what that means.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from mlflow_gitops.edges.checking.process_tree import family, guarded, memory
from mlflow_gitops.edges.system.redaction import redact

PASSED_ON = frozenset(
    {"PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES"}
    | {"OMP_NUM_THREADS", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PYENV_ROOT"}
    | {"PIP_CERT", "PIP_CONFIG_FILE", "PIP_DEFAULT_TIMEOUT", "PIP_FIND_LINKS", "PIP_NO_INDEX"}
    | {"UV_NO_INDEX"}
)
"""Variables that the program gets. All others are withheld, however they are called."""

ADDRESSES = frozenset(
    {"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"}
    | {"PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "UV_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX"}
    | {"UV_FIND_LINKS"}
)
"""Variables that it gets unless they hold a user or a password."""

MAX_OUTPUT = 256 << 20
"""Bytes of what it writes as its result; nothing longer is read."""

_BOOTSTRAP = Path(__file__).with_name("bootstrap.py")
_MAX_FILE = 16 << 30
_PAUSE = 0.1
"""Seconds between two looks at its memory; each takes a few milliseconds."""
_MAX_ROUNDS = 1_000
"""How often processes that left its group are looked for; each round ends those that there are."""
_TAIL_BYTES = 8_000


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a program may take, in seconds, and how much memory it may have, in bytes, together
    with all that it starts."""

    seconds: float
    memory: int


@dataclass(frozen=True, slots=True)
class EndedRun:
    """How a program ended. `fault` says why it is no success, else None; `peak_memory` is in bytes;
    `last_line` is the last one that it printed, without secrets."""

    fault: str | None
    peak_memory: int
    last_line: str
    result: bytes


def run_confined(
    command: Sequence[str | Path], scratch: Path, limits: Limits, **variables: str
) -> EndedRun:
    """Run a program in the folder `scratch`, which is its home, too. An argument `RESULT` becomes
    the number of a file descriptor to which it writes its result."""
    with (
        guarded() as before,
        tempfile.TemporaryFile() as result,
        tempfile.TemporaryFile() as output,
    ):
        descriptor = result.fileno()
        words = [str(descriptor) if word == "RESULT" else str(word) for word in command]
        limits_in_bytes = str(limits.memory), str(_MAX_FILE)
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_BOOTSTRAP), *limits_in_bytes, *words],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=scratch,
            env={**_variables(scratch), **variables},
            pass_fds=(descriptor,),
            start_new_session=True,
        )
        try:
            fault, peak = _wait(process, limits, before)
        finally:
            _end(process, before)

        result.seek(0)
        content = result.read(MAX_OUTPUT + 1)
        last_line = _last_line(output)
    if len(content) > MAX_OUTPUT:
        fault, content = fault or "it wrote too much", b""
    return EndedRun(fault, peak, last_line, content)


def _variables(scratch: Path) -> dict[str, str]:
    passed = {name: value for name, value in os.environ.items() if name in PASSED_ON}
    addresses = {
        name: value for name, value in os.environ.items() if name in ADDRESSES and "@" not in value
    }
    own = {
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "PYTHONDONTWRITEBYTECODE": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_TRACKING_URI": (scratch / "no-mlflow").as_uri(),
        "MLFLOW_ENV_ROOT": str(scratch / "environments"),
    }
    pyenv = Path.home() / ".pyenv"
    if "PYENV_ROOT" not in passed and pyenv.is_dir():
        own["PYENV_ROOT"] = str(pyenv)
    return {**passed, **addresses, **own}


def _wait(
    process: subprocess.Popen[bytes], limits: Limits, before: frozenset[int]
) -> tuple[str | None, int]:
    """Wait for the end of a program. Returns why it is no success, and its largest memory."""
    until = time.monotonic() + limits.seconds
    peak = 0
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            unit = 1 if sys.platform == "darwin" else 1024  # getrusage(2)
            code = process.returncode
            return (f"exit code {code}" if code else None), max(peak, usage.ru_maxrss * unit)

        peak = max(peak, memory(family(before)))
        if peak > limits.memory:
            return f"it used more than {limits.memory >> 20:,} MiB of memory", peak
        if time.monotonic() > until:
            return f"it did not end within {limits.seconds:g} seconds", peak
        time.sleep(_PAUSE)


def _end(process: subprocess.Popen[bytes], before: frozenset[int]) -> None:
    """End the program's group, and on Linux each process that left the group."""
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    if process.returncode is None:
        with contextlib.suppress(OSError):
            process.kill()
        process.wait()
    for _ in range(_MAX_ROUNDS):
        strays = family(before)
        if not strays:
            return
        for pid in strays:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        for pid in strays:  # only children of this process can be waited for
            with contextlib.suppress(OSError):
                os.waitpid(pid, 0)


def _last_line(output: IO[bytes]) -> str:
    size = output.seek(0, os.SEEK_END)
    output.seek(max(0, size - _TAIL_BYTES))
    lines = output.read().decode("utf-8", "replace").strip().splitlines()
    return redact(lines[-1].strip()) if lines else ""
