"""Importing MLflow without what only training, evaluation and GenAI need.

`import mlflow` loads pandas, NumPy and others if they are installed, which is half of its time and
of its memory (3.17), and goes on without them if they are not: `mlflow-skinny` has none of them.
Its own parts for GenAI and for the gateway, and FastAPI with them, are a third of the rest. The
commands of this program need none of them.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from mlflow_gitops.settings import THIS_PROCESS

_LIBRARIES = ("numpy", "pandas", "pyarrow", "scipy", "sklearn")
_LATER = frozenset({"mlflow.genai", "mlflow.gateway"})


@contextlib.contextmanager
def without_unused_libraries(*, over_http: bool) -> Iterator[None]:
    """In a process of this program, let these libraries look as if they were not installed for what
    is imported meanwhile, and, for a client of a server, let those parts of MLflow be loaded when
    something first uses them. Those that are loaded already stay.

    MLflow's own stores import modules of its GenAI part, which fail if the part is not loaded
    before them (3.17)."""
    if not THIS_PROCESS.is_command:
        yield
        return

    absent = [name for name in _LIBRARIES if name not in sys.modules]
    for name in absent:
        sys.modules[name] = None  # type: ignore[assignment]  # Python's way to make an import fail
    finders = [_LaterFinder()] if over_http else []
    sys.meta_path[:0] = finders
    try:
        yield
    finally:
        for finder in finders:
            sys.meta_path.remove(finder)
        for name in absent:
            del sys.modules[name]


class _LaterFinder(MetaPathFinder):
    """Finds the modules that are loaded later. MLflow binds their names when it is imported, and
    uses them in what this program never calls."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in _LATER:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _LaterLoader(spec.loader)
        return spec


class _LaterLoader(Loader):
    """Loads a package when an attribute that it lacks is first asked for. importlib.util.LazyLoader
    would load it as soon as a module in it is imported, which MLflow does while it is half loaded
    itself."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def exec_module(self, module: ModuleType) -> None:
        loader = self._loader

        class Later(ModuleType):
            def __getattr__(self, name: str) -> Any:
                if name.startswith("__"):
                    raise AttributeError(name)
                self.__class__ = ModuleType  # type: ignore[assignment]  # Python allows it
                loader.exec_module(self)
                return getattr(self, name)

        module.__class__ = Later
