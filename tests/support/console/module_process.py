"""A process of a module of the tests that answers requests until its input ends."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[3]


@contextmanager
def module_process(module: str, *, text: bool = False) -> Iterator[subprocess.Popen[Any]]:
    """Runs a module, which is to end when its input does."""
    command = [sys.executable, "-m", module]
    process = subprocess.Popen(
        command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=text
    )
    try:
        yield process
    finally:
        assert process.stdin
        process.stdin.close()
        process.wait(60)
