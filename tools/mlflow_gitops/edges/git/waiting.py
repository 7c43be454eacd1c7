"""Waiting for a git command that talks to a remote, and ending it if the remote stalls."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable

_POLL_SECONDS = 0.2
_KILL_AFTER_SECONDS = 5


def wait(
    process: subprocess.Popen[bytes],
    seconds: float,
    should_stop: Callable[[], bool],
    owns_session: bool,
) -> bool:
    """Wait until a process ends; return whether it ended by itself. In the end it never runs."""
    deadline = time.monotonic() + seconds
    try:
        while process.poll() is None and time.monotonic() < deadline and not should_stop():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_POLL_SECONDS)
        return process.poll() is not None
    finally:
        if process.poll() is None:
            _kill(process, owns_session)


def _kill(process: subprocess.Popen[bytes], owns_session: bool) -> None:
    """End a process, and with its own session also the processes it started, such as ssh."""
    for signal_number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            if owns_session:
                os.killpg(process.pid, signal_number)
            else:
                process.send_signal(signal_number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_KILL_AFTER_SECONDS)
            return
