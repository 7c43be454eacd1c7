"""Importing MLflow without the libraries that only training and evaluation need.

`import mlflow` loads pandas, NumPy and others if they are installed, which is half of its time and
of its memory (3.17), and goes on without them if they are not: `mlflow-skinny` has none of them. In
a process of this program, nothing needs them.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

_LIBRARIES = ("numpy", "pandas", "pyarrow", "scipy", "sklearn")

_is_own_process = False


def declare_own_process() -> None:
    """Let `without_unused_libraries` leave libraries out: this process runs nobody else's code
    that could need MLflow's integrations with them."""
    global _is_own_process
    _is_own_process = True


@contextlib.contextmanager
def without_unused_libraries() -> Iterator[None]:
    """Make these libraries look as if they were not installed, in a process of this program, for
    what is imported meanwhile. Those that are loaded already stay."""
    absent = [name for name in _LIBRARIES if _is_own_process and name not in sys.modules]
    for name in absent:
        sys.modules[name] = None  # type: ignore[assignment]  # Python's way to make an import fail
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]
