"""Gates that other packages add, through the entry point group `mlflow_gitops.gates`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from mlflow_gitops.core.gates import Gate

GROUP = "mlflow_gitops.gates"


@cache
def plugin_gate(name: str) -> Gate[Any] | None:
    """An installed gate by the name of its entry point; None if there is none.

    The entry point is a function of a subject and its settings, or a `Gate`. Raises whatever the
    import of the other package raises.
    """
    point = _entry_points().get(name)
    if point is None:
        return None
    loaded = point.load()
    return loaded if isinstance(loaded, Gate) else Gate(name, loaded)


@cache
def _entry_points() -> Mapping[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def forget_plugins() -> None:
    """Look for installed gates again, for tests that install one."""
    plugin_gate.cache_clear()
    _entry_points.cache_clear()
