"""Comparisons as text and as JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from mlflow_gitops.core.comparison.values import Comparison, Facts, Pair
from mlflow_gitops.render.comparison_table import Row, Section, brief, sheet
from mlflow_gitops.render.terminal import Style, safe

_WIDEST = 64
"""Characters of a cell; JSON has the whole of it."""


def text(found: Comparison, style: Style) -> Iterator[str]:
    """Two versions side by side, in columns."""
    yield f"{style(safe(found.model), 'bold')}   {found.before.number} → {found.after.number}"
    sections = list(sheet(found))
    rows = [_cells(row) for section in sections for row in section.rows]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    for section in sections:
        yield from _section(section, widths, style)


def line(found: Comparison, style: Style) -> str:
    """The comparison in one line, as it stands under a stage of a plan."""
    colour = "red" if found.breaking else "dim"
    said = "; ".join(safe(part) for part in brief(found))
    return style(f"{found.after.number} against {found.before.number}: {said}", colour)


def _section(section: Section, widths: list[int], style: Style) -> Iterator[str]:
    yield f"  {style(section.title, 'bold')}" + (
        f"   {style(safe(section.note), 'dim')}" if section.note else ""
    )
    for row in section.rows:
        cells = _cells(row)
        columns = "  ".join(
            f"{cell:<{width}}" for cell, width in zip(cells[:3], widths, strict=True)
        )
        yield f"    {columns}  {style(cells[3], 'dim')}".rstrip()
    for changed in section.diff:
        colour = {"+": "green", "-": "red", "@": "cyan"}.get(changed[:1])
        yield f"    {style(safe(changed), colour) if colour else safe(changed)}"
    for one in section.lines:
        yield f"    {style('✗', 'red') if one.breaks else '·'} {safe(one.detail)}"


def _cells(row: Row) -> list[str]:
    return [_cut(safe(cell)) for cell in (row.label, row.before, row.after)] + [safe(row.remark)]


def _cut(cell: str) -> str:
    return cell if len(cell) <= _WIDEST else cell[: _WIDEST - 1] + "…"


def data(found: Comparison) -> dict[str, Any]:
    """The whole comparison. A value that JSON has no number for (NaN, infinity) is text."""
    return {
        "model": found.model,
        "from": _side(found.before),
        "to": _side(found.after),
        "metrics": [
            {
                "metric": pair.key,
                "dataset": pair.dataset._asdict() if pair.dataset else None,
                "from": _number(pair.before),
                "to": _number(pair.after),
                "delta": _number(pair.delta),
                "comparable": pair.key not in found.apart,
            }
            for pair in found.metrics
        ],
        "params": [_pair(pair, "param") for pair in found.params],
        "datasets": [_pair(pair, "dataset") for pair in found.datasets],
        "data": [_pair(pair, "path") for pair in found.data],
        "signature": None
        if found.signature is None
        else {
            "compatible": not found.breaking,
            "changes": [{"detail": one.detail, "breaks": one.breaks} for one in found.signature],
        },
        "libraries": [_pair(pair, "library") for pair in found.libraries],
        "same": dict(found.same),
        "prompt": None
        if found.rewording is None
        else {
            "diff": list(found.rewording.lines),
            "settings": [_pair(pair, "setting") for pair in found.rewording.settings],
        },
    }


def _side(one: Facts) -> dict[str, Any]:
    version, file, record = one.version, one.file, one.record
    return {
        "version": version.number,
        "holds": list(one.stages),
        "status": version.status or None,
        "digest": version.digest,
        "registered": version.created,
        "run_id": version.run_id,
        "model_id": version.model_id,
        "source": version.source,
        "code_commit": record.code_commit if record else None,
        "size": file.size if file else None,
        "python": file.python if file else None,
        "recorded": {"run": record is not None, "artifacts": file is not None},
        "unread": list(dict.fromkeys(one.unread.values())),
    }


def _pair(pair: Pair, what: str) -> dict[str, Any]:
    return {what: pair.key, "from": pair.before, "to": pair.after}


def _number(value: float | None) -> float | str | None:
    return value if value is None or math.isfinite(value) else str(value)
