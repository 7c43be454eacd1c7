"""A pager for long output on a terminal, as git starts one."""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import cast

from mlflow_gitops.edges.system.streams import GuardedStream

_DEFAULTS = {"LESS": "FRX", "LV": "-c"}
"""As git sets them: less ends at once if the text fits on the screen, and shows colours."""


class _ToPager(io.TextIOWrapper):
    """The pager's input. The pager shows it on the terminal, so it counts as one."""

    def isatty(self) -> bool:
        return True


@contextlib.contextmanager
def paged(find_pager: Callable[[], str]) -> Iterator[None]:
    """Show through a pager what is printed to stdout, if that is a terminal.

    `find_pager` returns the pager's command line. `cat`, an empty one, a program that is not
    installed, and a terminal that cannot move its cursor mean none. Raises BrokenPipeError if the
    pager is left before everything was printed.
    """
    is_capable = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    command = find_pager() if is_capable else ""
    if not _is_pager(command):
        yield
        return

    sys.stdout.flush()
    terminal = sys.stdout
    process = subprocess.Popen(
        command, shell=True, stdin=subprocess.PIPE, env={**_DEFAULTS, **os.environ}
    )
    to_pager = _ToPager(
        cast(io.BufferedWriter, process.stdin), encoding=terminal.encoding, errors=terminal.errors
    )
    sys.stdout = terminal.to(to_pager) if isinstance(terminal, GuardedStream) else to_pager
    try:
        yield
    finally:
        sys.stdout = terminal
        with contextlib.suppress(BrokenPipeError):
            to_pager.close()
        _wait(process)


def _is_pager(command: str) -> bool:
    try:
        program = shlex.split(command)[:1]
    except ValueError:  # a quotation that only the shell understands
        return True
    if not program or program == ["cat"]:
        return False
    return "=" in program[0] or shutil.which(program[0]) is not None


def _wait(process: subprocess.Popen[bytes]) -> None:
    """Wait for the pager. Ctrl-C is the pager's own: `less` stops a search by it and goes on."""
    while True:
        try:
            process.wait()
            return
        except KeyboardInterrupt:
            continue
