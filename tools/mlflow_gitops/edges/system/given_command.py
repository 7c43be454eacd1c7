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
import tempfile
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

            reason = self._wait(process, text)
            last = _last_line(output) if reason is not None else ""
        return f"{reason}: {last}" if reason is not None and last else reason

    def _wait(self, process: subprocess.Popen[bytes], text: str) -> str | None:
        try:
            process.communicate(text.encode("utf-8", "surrogateescape"), timeout=self.seconds)
        except subprocess.TimeoutExpired:
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


def _last_line(output: IO[bytes]) -> str:
    """The last line that it printed, without secrets."""
    size = output.seek(0, os.SEEK_END)
    output.seek(max(0, size - _TAIL_BYTES))
    lines = output.read().decode("utf-8", "replace").strip().splitlines()
    return redact(lines[-1].strip()) if lines else ""
