"""Gates that other packages add, through the entry point group `mlflow_gitops.gates`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache, partial
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from mlflow_gitops.core.gates import Finding, Gate, Subject

GROUP = "mlflow_gitops.gates"


@cache
def installed_gates() -> Mapping[str, Gate[Any]]:
    """The gates that are installed, by name. Each one's code is loaded when its question is first
    asked."""
    points = entry_points(group=GROUP)
    return {
        point.name: Gate(point.name, partial(_settings, point.name), partial(_ask, point))
        for point in points
    }


def _settings(name: str, rule: Mapping[str, Any]) -> Any:
    """A stage's settings for one gate, as the policy's YAML has them."""
    return ((rule.get("require") or {}).get("plugins") or {}).get(name)


def _ask(point: EntryPoint, subject: Subject, settings: Any) -> Finding | Iterable[Finding]:
    answer: Finding | Iterable[Finding] = point.load()(subject, settings)
    return answer
