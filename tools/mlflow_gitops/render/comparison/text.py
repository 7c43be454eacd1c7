"""Two versions side by side, as text for people."""

from __future__ import annotations

from collections.abc import Iterator

from mlflow_gitops.core.comparison.values import Comparison
from mlflow_gitops.render.comparison.brief import brief
from mlflow_gitops.render.comparison.table import Row, Section, table_sections
from mlflow_gitops.render.console.layout import (
    Column,
    Styled,
    cell_width,
    cut_middle,
    fitted,
    padded,
    paragraph,
)
from mlflow_gitops.render.terminal import Style, safe

_WIDEST = 64
"""Characters of a cell; JSON has all of it."""
_REMARK = 26
"""Cells of a terminal that are kept for the remark behind a row."""
_NARROWEST_REMARK = 16
"""With fewer cells behind the columns, the remark begins on the next line."""
_DIFF_COLOUR = {"+": "green", "-": "red", "@": "cyan"}


def text(comparison: Comparison, style: Style | None = None) -> Iterator[str]:
    """Two versions side by side, in columns."""
    style = style or Style()
    numbers = f"{comparison.before.number} → {comparison.after.number}"
    yield f"{style(safe(comparison.model), 'bold')}   {numbers}"

    sections = list(table_sections(comparison))
    rows = [_cells(row) for section in sections for row in section.rows]
    widths = [max((cell_width(row[column]) for row in rows), default=0) for column in range(3)]
    if style.width is not None:
        widths = fitted(widths, [Column(10)] * 3, style.width - 4 - _REMARK)
    for section in sections:
        yield from _section(section, widths, style)


def summary_span(comparison: Comparison) -> Styled:
    """The comparison in one sentence, as it is shown under a stage of a plan."""
    differences = "; ".join(safe(part) for part in brief(comparison))
    pair = f"{comparison.after.number} compared with {comparison.before.number}"
    return Styled(f"{pair}: {differences}", "red" if comparison.breaking else "dim")


def _section(section: Section, widths: list[int], style: Style) -> Iterator[str]:
    title = Styled(section.title, "bold")
    note = [Styled(f"   {safe(section.note)}", "dim")] if section.note else []
    yield from paragraph([title, *note], style, "  ")

    for row in section.rows:
        *cells, remark = _cells(row)
        columns = [
            padded(cut_middle(cell, width), width)
            for cell, width in zip(cells, widths, strict=True)
        ]
        line = "  ".join(columns)
        if not remark:
            yield f"    {line}".rstrip()
            continue
        hanging = " " * (sum(widths) + 10)
        if style.width is not None and style.width < len(hanging) + _NARROWEST_REMARK:
            hanging = " " * 6
        yield from paragraph([Styled(f"{line}  "), Styled(remark, "dim")], style, "    ", hanging)
    for line in section.diff:
        yield f"    {style(safe(line), _DIFF_COLOUR.get(line[:1]))}"
    for finding in section.findings:
        mark = Styled("✗", "red") if finding.breaks else Styled("·")
        yield from paragraph([mark, Styled(f" {safe(finding.detail)}")], style, "    ")


def _cells(row: Row) -> list[str]:
    return [_cut(safe(cell)) for cell in (row.label, row.before, row.after)] + [safe(row.remark)]


def _cut(cell: str) -> str:
    return cell if len(cell) <= _WIDEST else cell[: _WIDEST - 1] + "…"
