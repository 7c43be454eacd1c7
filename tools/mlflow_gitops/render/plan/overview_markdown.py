"""The overview of a plan in Markdown: the table that a comment shows first. What is refused is
never cut from it."""

from __future__ import annotations

from collections.abc import Sequence

from mlflow_gitops.core.plan.overview import Outlook, Overview, OverviewRow
from mlflow_gitops.core.wording import NO_VALUE, counted, first_few
from mlflow_gitops.render.console.layout import cut_middle
from mlflow_gitops.render.markdown_safe import CELL, ROWS, cell, code, fenced, prose, table
from mlflow_gitops.render.plan.overview import HEADS, grouped_models, move_phrase, verdict_phrase
from mlflow_gitops.render.terminal import safe

MARKS: dict[Outlook, str] = {
    "refused": "❌",
    "invalid": "❌",
    "waiting": "⏳",
    "left": "⚠️",
    "unmanaged": "⚠️",
    "apply": "✅",
    "heal": "✅",
    "adopt": "✅",
    "unchanged": "✅",
}
_SHORT = 24
"""Characters of a name if there are too many rows for whole names."""


def overview_paragraphs(overview: Overview, space: int) -> list[str]:
    """Every row, in at most `space` bytes: as a table; as lists of names, if the table is too long;
    and as one short line a row, refused ones first, if that is too long as well. Only then rows are
    cut, the last ones first, and counted in bold."""
    parts = []
    for title, models in grouped_models(overview):
        names = first_few([code(cut_middle(name, CELL), CELL) for name in models], ROWS)
        parts.append(f"{title[0].upper()}{title[1:]} ({counted(len(models), 'model')}): {names}.")
    if not overview.table:
        return parts

    rows = overview.table
    space -= sum(map(_size, parts))
    full_table = table(HEADS, [_cells(row) for row in rows])
    if _size(full_table) <= space:
        return [full_table, *parts]
    return [*_compact(rows, space), *parts]


def _cells(row: OverviewRow) -> tuple[str, ...]:
    mark = "⚠️" if row.outlook in ("apply", "heal") and is_remarkable(row) else MARKS[row.outlook]
    return (
        cell(cut_middle(row.model, CELL), CELL),
        prose(row.stage, CELL, in_table=True) if row.stage else NO_VALUE,
        move_phrase(row),
        f"{mark} {prose(verdict_phrase(row), in_table=True)}",
    )


def is_remarkable(row: OverviewRow) -> bool:
    """Whether a row that will be carried out has something that a reviewer must see."""
    return bool(row.overridden or row.returning or row.was_set_by_hand)


def _compact(rows: Sequence[OverviewRow], space: int) -> list[str]:
    """The names of the models for each move and verdict, or one short line for each row."""
    names: dict[tuple[str, str, str], list[str]] = {}
    for row in rows:
        key = (verdict_phrase(row), row.stage or NO_VALUE, move_phrase(row))
        names.setdefault(key, []).append(safe(row.model))
    lines = [
        f"{safe(verdict)}: {safe(stage)} {move}: {', '.join(models)}"
        for (verdict, stage, move), models in names.items()
    ]
    grouped = fenced(lines, "text", max(map(len, lines)))
    if _size(grouped) <= space:
        return [grouped]

    short = [_short_line(row) for row in rows]
    fitting = _fitting(short, space)
    block = fenced(fitting, "text", max(map(len, fitting), default=1))
    if len(fitting) == len(short):
        return [block]
    missing = counted(len(short) - len(fitting), "more row")
    return [
        f"❌ **{missing} do not fit here: run `mlflow-gitops plan` to see them.**",
        block,
    ]


def _short_line(row: OverviewRow) -> str:
    """One row in few characters."""
    model = cut_middle(safe(row.model), _SHORT)
    verdict = cut_middle(safe(verdict_phrase(row)), 2 * _SHORT)
    return f"{model}: {safe(row.stage or NO_VALUE)[:_SHORT]} {move_phrase(row)}: {verdict}"


def _fitting(lines: list[str], space: int) -> list[str]:
    fitting: list[str] = []
    space -= _size(fenced((), "text"))
    for line in lines:
        space -= _size(line) + 1
        if space < 0:
            break
        fitting.append(line)
    return fitting


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
