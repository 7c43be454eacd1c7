"""What `doctor` found, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlflow_gitops.core.setup.doctor import CheckResult
from mlflow_gitops.render.terminal import Style, json_document, safe

_MARKS = {"ok": ("✓", "green"), "missing": ("✗", "red"), "unknown": ("?", "yellow")}
_TITLES = {
    "git": "git",
    "policy": "manifests and policy",
    "notify": "notifications",
    "workflows": "workflows",
    "mlflow": "MLflow",
    "github": "GitHub",
}
"""The areas in the order in which they are shown; an area that is not listed comes last."""


@dataclass(frozen=True, slots=True)
class CheckResults:
    """What every check found. `versions` maps the name of a program to its version."""

    results: Sequence[CheckResult]
    versions: Mapping[str, str]


def text(checks: CheckResults, style: Style | None = None) -> Iterator[str]:
    """One line for each check, by area. Below what is missing or unknown: how to fix it."""
    style = style or Style()
    for area in dict.fromkeys([*_TITLES, *(result.area for result in checks.results)]):
        results = [result for result in checks.results if result.area == area]
        if results:
            yield style(_TITLES.get(area, area), "bold")
            yield from _area(results, style)

    count = summary(checks)
    yield "  ".join(f"{name} {version}" for name, version in checks.versions.items())
    yield (
        f"{count['ok']} ok, {count['missing']} missing, {count['unknown']} cannot be checked from"
        " here."
    )


def _area(results: Sequence[CheckResult], style: Style) -> Iterator[str]:
    width = max(len(result.check) for result in results)
    for result in results:
        mark, colour = _MARKS[result.status]
        yield f"  {style(mark, colour)} {result.check:<{width}}  {safe(result.detail)}"
        if result.fix and result.status != "ok":
            yield f"    {'':<{width}}  → {safe(result.fix)}"


def json(checks: CheckResults) -> Iterator[str]:
    """Every check and a summary as one JSON document."""
    data: dict[str, Any] = {
        "findings": [
            {
                "area": result.area,
                "check": result.check,
                "status": result.status,
                "detail": result.detail,
                "fix": result.fix,
            }
            for result in checks.results
        ],
        "summary": summary(checks),
        "versions": dict(checks.versions),
    }
    return json_document(data)


def summary(checks: CheckResults) -> dict[str, int]:
    """How many results have each status."""
    return {
        status: sum(1 for result in checks.results if result.status == status) for status in _MARKS
    }
