"""Gates that other packages add, through the entry point group `mlflow_gitops.gates`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache, partial
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from mlflow_gitops.core.gates import Finding, Gate, Subject

GROUP = "mlflow_gitops.gates"


@cache
def gates() -> Mapping[str, Gate]:
    """The gates that are installed, by name. Each is loaded when it is first asked."""
    return {point.name: partial(_ask, point) for point in entry_points(group=GROUP)}


def _ask(point: EntryPoint, subject: Subject, settings: Any) -> Finding | Iterable[Finding]:
    gate: Gate = point.load()
    return gate(subject, settings)
