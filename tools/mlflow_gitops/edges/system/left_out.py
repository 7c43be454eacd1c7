"""Importing MLflow without the libraries that only training and evaluation need.

`import mlflow` loads pandas, NumPy and others if they are installed, which is half of its time and
of its memory (3.17), and goes on without them if they are not: `mlflow-skinny` has none of them.
The commands of this program need none of them, either.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from mlflow_gitops.settings import THIS_PROCESS

_LIBRARIES = ("numpy", "pandas", "pyarrow", "scipy", "sklearn")


@contextlib.contextmanager
def without_unused_libraries() -> Iterator[None]:
    """In a process of this program, let these libraries look as if they were not installed for what
    is imported meanwhile. Those that are loaded already stay."""
    absent = [name for name in _LIBRARIES if THIS_PROCESS.is_command and name not in sys.modules]
    for name in absent:
        sys.modules[name] = None  # type: ignore[assignment]  # Python's way to make an import fail
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]
