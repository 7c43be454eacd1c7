"""Importing MLflow without what only training, evaluation and GenAI need.

`import mlflow` loads pandas, NumPy and others if they are installed, which is half of its time and
of its memory (3.17), and goes on without them if they are not: `mlflow-skinny` has none of them.
Its own parts for GenAI and for the gateway, and FastAPI with them, are a third of the rest; its
client of Unity Catalog, asyncio, the lists of plugins and what else is named here are a tenth of
what is left then. The commands of this program need none of them, or only now and then.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.metadata
import sys
import threading
from collections.abc import Iterator, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from mlflow_gitops.settings import THIS_PROCESS

_LIBRARIES = ("numpy", "pandas", "psutil", "pyarrow", "scipy", "sklearn")
_LATER = frozenset(
    {
        "asyncio",
        "charset_normalizer",
        "importlib_metadata",
        "mlflow.gateway",
        "mlflow.genai",
        "mlflow.models",
        "mlflow.store._unity_catalog.registry",
    }
)


def import_mlflow(*, over_http: bool) -> ModuleType:
    """Import MLflow; in a process of this program, without what its commands do not need.

    If a version of MLflow cannot do without it, all of MLflow is imported. Raises ImportError if
    that fails, too."""
    if not THIS_PROCESS.is_command:
        return importlib.import_module("mlflow")

    _list_plugins_once()
    before = set(sys.modules)
    try:
        with _without_unused_libraries(over_http=over_http):
            return importlib.import_module("mlflow")
    except (AttributeError, ImportError):
        for name in set(sys.modules) - before:
            if name.partition(".")[0] == "mlflow":
                del sys.modules[name]
    return importlib.import_module("mlflow")


@contextlib.contextmanager
def _without_unused_libraries(*, over_http: bool) -> Iterator[None]:
    """Let these libraries look as if they were not installed for what is imported meanwhile, and,
    for a client of a server, let those parts be loaded when something first uses them. Those that
    are loaded already stay.

    MLflow's own stores import modules of its GenAI part, which fail if the part is not loaded
    before them (3.17)."""
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


def _list_plugins_once() -> None:
    """Let each list of plugins come from one list of all. MLflow makes seven (3.17), for each of
    which Python reads a file of every installed package. OpenTelemetry keeps one list, too."""
    list_plugins = importlib.metadata.entry_points
    if isinstance(list_plugins, functools.partial):
        return
    listed = functools.cache(list_plugins)
    importlib.metadata.entry_points = functools.partial(_selected, listed)


def _selected(listed: Any, **properties: Any) -> Any:
    return listed().select(**properties) if properties else listed()


class _LaterFinder(MetaPathFinder):
    """Finds the modules that are loaded later. MLflow binds their names when it is imported, and
    uses them in what this program never calls, or calls late."""

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
        self._lock = threading.RLock()
        self._is_begun = False

    def exec_module(self, module: ModuleType) -> None:
        loader = self

        class Later(ModuleType):
            def __getattr__(self, name: str) -> Any:
                if name == "__version__":
                    return importlib.metadata.version(self.__name__)  # requests looks at it
                if name.startswith("__"):
                    raise AttributeError(name)
                loader.load(self)
                return object.__getattribute__(self, name)

        module.__class__ = Later

    def load(self, module: ModuleType) -> None:
        """Load the package, unless that was begun. Other threads wait for its end."""
        with self._lock:
            if not self._is_begun:
                self._is_begun = True
                self._loader.exec_module(module)
                module.__class__ = ModuleType  # from now on, it is as Python makes it
