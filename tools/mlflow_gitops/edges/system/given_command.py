"""A command that the user gives: it gets a text on its standard input, and a limited time.

No shell reads it, and nothing of that text becomes an argument: names of models cannot be
commands. It does not get the credentials with which this process writes to MLflow and asks the
forge.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from typing import IO

from mlflow_gitops.edges.system.redaction import redact
from mlflow_gitops.errors import UsageFailure

SECONDS = 300.0
"""How long it may take each time."""

WITHHELD = (
    "MLFLOW_TRACKING_",
    "MLFLOW_REGISTRY_",
    "MLFLOW_GITOPS_",
    "DATABRICKS_",
    "PGPASSWORD",
    "GITHUB_TOKEN",
    "GH_TOKEN",
    "ACTIONS_",
)
"""Prefixes of the variables that it does not get. Others it inherits: `KUBECONFIG`, and whatever
credentials of its own somebody set for it."""

_TAIL_BYTES = 4_000
"""Bytes at the end of what it printed, of which the last line is quoted."""

_MOST_PRINTED = 16 << 20
"""Bytes of what it printed that are on the disk; when there are more, only the end is kept. They
are in a file, since a process that it leaves behind may write to a file when this one has ended."""

_PAUSE = 0.1
"""Seconds between two looks at how much it printed."""


@dataclass(frozen=True, slots=True)
class GivenCommand:
    """A program and its arguments."""

    arguments: tuple[str, ...]
    seconds: float = SECONDS

    @classmethod
    def parse(cls, option: str, text: str) -> GivenCommand:
        """Read a command as a POSIX shell splits words. Raises UsageFailure if that fails, or if
        there is no such program."""
        try:
            arguments = tuple(shlex.split(text))
        except ValueError as error:
            raise UsageFailure(
                f"{option} {text!r} cannot be split into arguments: {error}."
            ) from None
        if not arguments or shutil.which(arguments[0]) is None:
            name = arguments[0] if arguments else ""
            raise UsageFailure(f"{option}: there is no program {name!r} that can be run.")
        return cls(arguments)

    def run(self, text: str) -> str | None:
        """Run it once. Returns why it failed, else None. When its time is over, it is ended with
        every process that it started."""
        with tempfile.TemporaryFile() as output:
            _append_only(output)
            try:
                process = subprocess.Popen(
                    self.arguments,
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=_variables(),
                    start_new_session=True,
                )
            except OSError as error:
                return f"it cannot be started: {error.strerror or error}"

            reason = self._wait(process, text, output)
            last = _last_line(output) if reason is not None else ""
        return f"{reason}: {last}" if reason is not None and last else reason

    def _wait(self, process: subprocess.Popen[bytes], text: str, output: IO[bytes]) -> str | None:
        data: bytes | None = text.encode("utf-8", "surrogateescape")
        end = time.monotonic() + self.seconds
        try:
            while process.returncode is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.communicate(data, timeout=min(_PAUSE, max(0, end - time.monotonic())))
                data = None  # the rest of it is sent by the next call
                _shorten(output)
                if process.returncode is None and time.monotonic() >= end:
                    return f"it did not end within {self.seconds:g} seconds"
        finally:
            if process.poll() is None:
                _end(process)
        return f"exit code {process.returncode}" if process.returncode else None


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()


def _variables() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(WITHHELD)}


def _append_only(output: IO[bytes]) -> None:
    """Let all that write to it write at its end, also after it became shorter."""
    if sys.platform != "win32":
        import fcntl

        flags = fcntl.fcntl(output, fcntl.F_GETFL)
        fcntl.fcntl(output, fcntl.F_SETFL, flags | os.O_APPEND)


def _shorten(output: IO[bytes]) -> None:
    if sys.platform == "win32":  # its processes cannot be made to write at the end
        return
    if os.fstat(output.fileno()).st_size > _MOST_PRINTED:
        tail = _tail(output)
        output.truncate(0)
        output.write(tail)
        output.flush()


def _tail(output: IO[bytes]) -> bytes:
    size = output.seek(0, os.SEEK_END)
    output.seek(max(0, size - _TAIL_BYTES))
    return output.read(_TAIL_BYTES)


def _last_line(output: IO[bytes]) -> str:
    """The last line that it printed, without secrets."""
    lines = _tail(output).decode("utf-8", "replace").strip().splitlines()
    return redact(lines[-1].strip()) if lines else ""
