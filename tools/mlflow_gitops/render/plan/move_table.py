"""All stage moves of a plan in one place, which a comment shows first and never cuts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from mlflow_gitops.core.plan.plan import Change, ModelPlan, Plan
from mlflow_gitops.core.wording import NO_VALUE, counted, version_list
from mlflow_gitops.render.markdown_safe import CELL, cell, fenced, table
from mlflow_gitops.render.plan.phrases import consequences
from mlflow_gitops.render.terminal import safe


class _Move(NamedTuple):
    model: str
    stage: str
    before: str
    after: str


def stage_move_table(plan: Plan, space: int) -> list[str]:
    """Every stage and alias that gets or loses a version, as paragraphs of at most `space` bytes:
    as a table, or as a list of names by move if there are too many. Empty if there is none.

    A list that is still too long is cut last of all, and says in bold how many moves are missing.
    """
    moves = [move for model in plan.models for move in _moves(model)]
    if not moves:
        return []
    title = f"**{counted(len(moves), 'stage move')}**"
    rows = [
        (cell(move.model, CELL), cell(move.stage, CELL), move.before, move.after) for move in moves
    ]
    whole = table(("model", "stage", "now", "then"), rows)
    if _size(whole) <= space:
        return [title, whole]
    return [title, *_grouped(moves, space)]


def _moves(model: ModelPlan) -> Iterator[_Move]:
    covered: set[Change] = set()
    for row in model.stages:
        covered.update(consequences(row, model)[1])
        yield _Move(model.model, row.stage, version_list(row.before), version_list(row.after))
    for change in model.changes:
        if change.action in ("set_alias", "delete_alias") and change not in covered:
            before, after = (str(value or NO_VALUE) for value in (change.before, change.after))
            yield _Move(model.model, f"@{change.key}", before, after)


def _grouped(moves: list[_Move], space: int) -> list[str]:
    """The names of the models for each move, in lines."""
    names: dict[tuple[str, str, str], list[str]] = {}
    for move in moves:
        names.setdefault((move.stage, move.before, move.after), []).append(safe(move.model))
    lines = [
        f"{safe(stage)} {before} → {after}: {', '.join(models)}"
        for (stage, before, after), models in names.items()
    ]
    whole = fenced(lines, "text", max(map(len, lines)))
    if _size(whole) <= space:
        return [whole]

    kept = _fitting(
        [f"{safe(move.model)}: {safe(move.stage)} {move.before} → {move.after}" for move in moves],
        space,
    )
    missing = counted(len(moves) - len(kept), "stage move")
    notice = f"❌ **{missing} more do not fit here: run `mlflow-gitops plan` to see them.**"
    return [notice, fenced(kept, "text", max(map(len, kept), default=1))]


def _fitting(lines: list[str], space: int) -> list[str]:
    kept: list[str] = []
    for line in lines:
        space -= _size(line) + 1
        if space < 0:
            break
        kept.append(line)
    return kept


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
