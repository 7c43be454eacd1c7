"""This command line in a process of its own: MLflow's client keeps addresses and credentials of one
server for the whole process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from typing import NamedTuple


class Ended(NamedTuple):
    """How a command ended, and what it printed."""

    exit_code: int
    output: str
    messages: str

    @property
    def last_message(self) -> str:
        """The last line that it printed to stderr."""
        lines = self.messages.strip().splitlines() or ["it printed nothing"]
        return lines[-1].removeprefix("error: ")


def run_own_command(arguments: Sequence[str]) -> Ended:
    """Run this program with other arguments, and wait for it."""
    process = subprocess.run(
        [sys.executable, "-m", "mlflow_gitops", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    return Ended(process.returncode, process.stdout, process.stderr)
