"""A pseudo-terminal: what a program shows a person, and what it makes of what a person types."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO


@contextmanager
def open_pseudo_terminal(columns: int) -> Iterator[TextIO]:
    """A stream that is a terminal of this width, to which nobody looks."""
    controller, terminal = pty.openpty()
    size = struct.pack("HHHH", 24, columns, 0, 0)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, size)
    with open(terminal, "w", encoding="utf-8") as stream:
        yield stream
    os.close(controller)


def on_terminal(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    typed: str = "",
    *,
    after: str = "",
    within: float = 60,
) -> str:
    """Run a command on a terminal of its own, type the text at once, and return all that it showed.

    The text waits in the terminal until the program reads it; with `after`, it is typed once the
    program showed that, since one that asks for a password discards what was typed before. Raises
    AssertionError where the program does not end.
    """
    process, terminal = pty.fork()
    if not process:  # the child
        try:
            os.chdir(folder)
            os.execvpe(command[0], list(command), dict(environment))
        finally:
            os._exit(127)
    output = b""
    end = time.monotonic() + within
    waiting = typed.encode()
    try:
        while time.monotonic() < end:
            if waiting and after.encode() in output:
                os.write(terminal, waiting)
                waiting = b""
            if select.select([terminal], [], [], 0.2)[0]:
                try:
                    piece = os.read(terminal, 1 << 16)
                except OSError:  # Linux, once nobody has the other end open
                    piece = b""
                if not piece:
                    return output.decode("utf-8", "replace")
                output += piece
        raise AssertionError(f"it does not end; it showed: {output.decode('utf-8', 'replace')}")
    finally:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        os.close(terminal)
