"""Running a git command that talks to a remote, and ending it if the remote stalls."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from tempfile import TemporaryFile

_POLL_SECONDS = 0.2
_KILL_AFTER_SECONDS = 5


def run(
    start: Callable[..., subprocess.Popen[bytes]],
    feed: str,
    seconds: float,
    should_stop: Callable[[], bool],
) -> subprocess.CompletedProcess[bytes] | None:
    """Run the command that `start` starts, with `feed` as its input. Return None if it was ended:
    after `seconds`, or as soon as `should_stop` returns True."""
    # Without a terminal, ssh cannot ask for a passphrase, so git may get a session of its own.
    # Only then can git and the processes it started be ended together.
    owns_session = sys.stdin is None or not sys.stdin.isatty()

    with TemporaryFile() as stdin, TemporaryFile() as stdout, TemporaryFile() as stderr:
        stdin.write(feed.encode())
        stdin.seek(0)
        process = start(stdin=stdin, stdout=stdout, stderr=stderr, start_new_session=owns_session)
        if not _wait(process, seconds, should_stop, owns_session):
            return None

        stdout.seek(0)
        stderr.seek(0)
        return subprocess.CompletedProcess(
            process.args, process.returncode, stdout.read(), stderr.read()
        )


def _wait(
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
