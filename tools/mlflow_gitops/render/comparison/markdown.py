"""Two versions side by side, in Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from mlflow_gitops.core.comparison.values import Comparison
from mlflow_gitops.core.wording import NO_VALUE
from mlflow_gitops.render.comparison.table import MISSING, Section, table_sections
from mlflow_gitops.render.markdown_safe import (
    CELL,
    LIMIT,
    ROWS,
    Block,
    bounded,
    cell,
    code,
    fenced,
    table,
)


def markdown(comparison: Comparison, limit: int = LIMIT) -> Iterator[str]:
    """A page of at most `limit` bytes. The last sections are cut first."""
    numbers = f"{comparison.before.number} → {comparison.after.number}"
    head = f"## {code(comparison.model)}: {numbers}"
    blocks = [
        Block(section, section, urgent=index == 0)
        for index, section in enumerate(sections(comparison))
    ]
    yield bounded(head, blocks, "", "section", limit)


def sections(comparison: Comparison) -> Iterator[str]:
    """Each section of the comparison as Markdown."""
    heads = ("", str(comparison.before.number), str(comparison.after.number), "")
    for section in table_sections(comparison):
        yield _section(section, heads)


def _section(section: Section, heads: tuple[str, ...]) -> str:
    title = f"**{section.title}**"
    parts = [f"{title}: {section.note}" if section.note else title]

    if section.rows:
        rows = [
            [_cell(text) for text in (row.label, row.before, row.after, row.remark)]
            for row in section.rows[:ROWS]
        ]
        parts.append(table(heads, rows))
    if section.findings:
        findings = [
            f"- {'❌' if finding.breaks else '➖'} {code(finding.detail)}"
            for finding in section.findings[:ROWS]
        ]
        parts.append("\n".join(findings))
    if section.diff:
        parts.append(fenced(section.diff[:ROWS], "diff"))

    longest = max(len(section.rows), len(section.findings), len(section.diff))
    if longest > ROWS:
        parts.append(f"… and {longest - ROWS} more.")
    return "\n\n".join(parts)


def _cell(text: str) -> str:
    """A cell. Our own words for an empty one are no code."""
    return text if text in (MISSING, NO_VALUE, "") else cell(text, CELL)
