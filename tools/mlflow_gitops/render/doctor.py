"""What `doctor` found, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mlflow_gitops.core.setup.doctor import CheckResult
from mlflow_gitops.render.terminal import Style, safe

_MARKS = {"ok": ("✓", "green"), "missing": ("✗", "red"), "unknown": ("?", "yellow")}
_AREAS = {
    "git": "git", "policy": "manifests and policy", "workflows": "workflows", "mlflow": "MLflow", "github": "GitHub",
}  # fmt: skip


def text(found: Sequence[CheckResult], versions: Mapping[str, str], style: Style) -> Iterator[str]:
    """One line a finding, by area; below what is missing or unknown, what to do."""
    for area, title in _AREAS.items():
        here = [one for one in found if one.area == area]
        if not here:
            continue
        yield style(title, "bold")
        width = max(len(one.check) for one in here)
        for one in here:
            mark, colour = _MARKS[one.status]
            yield f"  {style(mark, colour)} {one.check:<{width}}  {safe(one.detail)}"
            if one.fix and one.status != "ok":
                yield f"    {'':<{width}}  → {safe(one.fix)}"
    count = summary(found)
    yield "  ".join(f"{name} {version}" for name, version in versions.items())
    yield (
        f"{count['ok']} ok, {count['missing']} missing, {count['unknown']} cannot be told from"
        " here."
    )


def data(found: Sequence[CheckResult], versions: Mapping[str, str]) -> dict[str, Any]:
    """The same, for machines."""
    return {
        "findings": [
            {
                "area": one.area,
                "check": one.check,
                "status": one.status,
                "detail": one.detail,
                "fix": one.fix,
            }
            for one in found
        ],
        "summary": summary(found),
        "versions": dict(versions),
    }


def summary(found: Sequence[CheckResult]) -> dict[str, int]:
    """How many findings have each status."""
    return {status: sum(1 for one in found if one.status == status) for status in _MARKS}
