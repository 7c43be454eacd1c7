"""Two versions side by side, as text for people."""

from __future__ import annotations

from collections.abc import Iterator

from mlflow_gitops.core.comparison.values import Comparison
from mlflow_gitops.render.comparison.brief import brief
from mlflow_gitops.render.comparison.table import Row, Section, table_sections
from mlflow_gitops.render.terminal import Style, safe

_WIDEST = 64
"""Characters of a cell; JSON has all of it."""
_DIFF_COLOUR = {"+": "green", "-": "red", "@": "cyan"}


def text(comparison: Comparison, style: Style | None = None) -> Iterator[str]:
    """Two versions side by side, in columns."""
    style = style or Style()
    numbers = f"{comparison.before.number} → {comparison.after.number}"
    yield f"{style(safe(comparison.model), 'bold')}   {numbers}"

    sections = list(table_sections(comparison))
    rows = [_cells(row) for section in sections for row in section.rows]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    for section in sections:
        yield from _section(section, widths, style)


def summary_line(comparison: Comparison, style: Style) -> str:
    """The comparison in one line, as it is shown under a stage of a plan."""
    differences = "; ".join(safe(part) for part in brief(comparison))
    colour = "red" if comparison.breaking else "dim"
    pair = f"{comparison.after.number} compared with {comparison.before.number}"
    return style(f"{pair}: {differences}", colour)


def _section(section: Section, widths: list[int], style: Style) -> Iterator[str]:
    title = f"  {style(section.title, 'bold')}"
    yield f"{title}   {style(safe(section.note), 'dim')}" if section.note else title

    for row in section.rows:
        *cells, remark = _cells(row)
        columns = [f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)]
        yield f"    {'  '.join(columns)}  {style(remark, 'dim')}".rstrip()
    for line in section.diff:
        yield f"    {style(safe(line), _DIFF_COLOUR.get(line[:1]))}"
    for finding in section.findings:
        mark = style("✗", "red") if finding.breaks else "·"
        yield f"    {mark} {safe(finding.detail)}"


def _cells(row: Row) -> list[str]:
    return [_cut(safe(cell)) for cell in (row.label, row.before, row.after)] + [safe(row.remark)]


def _cut(cell: str) -> str:
    return cell if len(cell) <= _WIDEST else cell[: _WIDEST - 1] + "…"
