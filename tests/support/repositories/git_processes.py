"""The git processes that this process starts."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock


@contextmanager
def git_processes() -> Iterator[list[str]]:
    """A list that grows by the command of each git process, without options of git itself."""
    commands: list[str] = []

    class Counting(subprocess.Popen[Any]):
        def __init__(self, args: Any, *others: Any, **options: Any) -> None:
            if isinstance(args, list) and args[:1] == ["git"]:
                folder = args.index("-C") if "-C" in args else 0
                commands.append(" ".join(args[folder + 2 :]) if folder else " ".join(args[1:]))
            super().__init__(args, *others, **options)

    with mock.patch.object(subprocess, "Popen", Counting):
        yield commands
