"""How each model compares with git, and what holds its stages: as text, JSON and Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlflow_gitops.core.plan.plan import ModelPlan, Plan
from mlflow_gitops.core.wording import counted, version_list
from mlflow_gitops.render.console.layout import Column, Styled, TableRow, paragraph, table_lines
from mlflow_gitops.render.markdown_safe import LIMIT, Block, bounded, cell, table
from mlflow_gitops.render.problems import problem_data, problem_lines
from mlflow_gitops.render.terminal import Style, json_document, safe

_SYNC_COLOUR = {
    "Synced": "green",
    "Pending": "cyan",
    "Drifted": "yellow",
    "Missing": "yellow",
    "Unknown": "red",
    "Invalid": "red",
}
_WIDEST_SYNC = len("Unmanaged")
_HOLDERS = 44
"""Cells for what holds the stages; with fewer, it begins on a line of its own."""
_MANIFEST_DELETED = "its manifest was deleted; MLflow is left unchanged"
_CELL = 80
"""Characters of one Markdown cell."""


@dataclass(frozen=True, slots=True)
class _Row:
    model: str
    sync: str
    holders: str = ""
    refusals: str = ""
    note: str = ""

    @property
    def urgent(self) -> bool:
        """Whether somebody may have to act on it."""
        return bool(self.refusals or self.note) or self.sync not in ("Synced", "Unmanaged")


def text(plan: Plan, style: Style | None = None) -> Iterator[str]:
    """One line for each model: its sync status and what holds its stages. If git asks for other
    versions, these follow in brackets."""
    style = style or Style()
    rows = _rows(plan)
    for notice in plan.notices:
        yield from paragraph([Styled(f"warning: {safe(notice)}", "yellow")], style)
    yield from table_lines(
        [_text_row(row) for row in rows], (Column(12), Column()), style, _HOLDERS
    )
    yield from problem_lines(plan.errors)
    yield from paragraph([Styled(_total(rows))], style)


def _text_row(row: _Row) -> TableRow:
    details = [Styled(safe(row.holders)), Styled(safe(row.note)), Styled(safe(row.refusals), "red")]
    details = [detail for detail in details if detail.text]
    separated = [span for detail in details for span in (Styled("  "), detail)][1:]
    sync = Styled(f"{row.sync:<{_WIDEST_SYNC}}", _SYNC_COLOUR.get(row.sync, "dim"))
    return TableRow([Styled(safe(row.model)), sync], separated)


def json(plan: Plan) -> Iterator[str]:
    """The status of each model as one JSON document, unmanaged models last."""
    return json_document(status_data(plan))


def status_data(plan: Plan) -> dict[str, Any]:
    """`{"commit", "models", "errors"}` (DESIGN §5)."""
    from mlflow_gitops.render.plan.json import refusal_data  # slow to load, not needed for text

    models: list[dict[str, Any]] = [
        {
            "model": model.model,
            "sync": model.sync,
            "stages": _stages(model.observed),
            "desired": _stages(model.desired),
            "commit": model.base,
            "refusals": [refusal_data(refusal) for refusal in model.refusals],
        }
        for model in plan.models
    ]
    models += [
        {
            "model": name,
            "sync": "Unmanaged",
            "stages": {},
            "desired": {},
            "commit": None,
            "refusals": [],
        }
        for name in (*plan.without_manifest, *plan.unmanaged)
    ]
    errors = [problem_data(problem) for problem in plan.errors]
    notices = list(plan.notices)
    return {"commit": plan.commit, "models": models, "errors": errors, "notices": notices}


def markdown(plan: Plan, limit: int = LIMIT) -> Iterator[str]:
    """A table with one row for each model. If the page would exceed `limit` bytes, rows that need
    no action are cut first."""
    from mlflow_gitops.render.plan.pull_request_comment import error_lines, notice_lines

    rows = _rows(plan)
    head = table(("model", "sync", "stages", "why"), ()) if rows else ""
    blocks = []
    for row in rows:
        holders = cell(row.holders, _CELL) if row.holders else ""
        reason = cell(row.refusals) if row.refusals else row.note
        line = f"| {cell(row.model)} | {row.sync} | {holders} | {reason} |"
        blocks.append(Block(line, line, row.urgent))

    tail = "\n".join([*error_lines(plan.errors), f"**{_total(rows)}**"])
    tail = "\n\n".join([*notice_lines(plan.notices), tail])
    yield "## Model registry: status\n"
    yield bounded(head, blocks, tail, "model", limit - 40, "\n")


def _rows(plan: Plan) -> list[_Row]:
    rows = []
    for model in plan.models:
        refusals = "; ".join(f"{refusal.code}: {refusal.detail}" for refusal in model.refusals)
        rows.append(_Row(model.model, model.sync, _holders(model), refusals))
    rows += [_Row(name, "Unmanaged", note=_MANIFEST_DELETED) for name in plan.without_manifest]
    rows += [_Row(name, "Unmanaged") for name in plan.unmanaged]
    return rows


def _holders(model: ModelPlan) -> str:
    """What holds each stage in MLflow, and what git asks for if that differs."""
    phrases = []
    for stage in dict.fromkeys([*model.desired, *model.observed]):
        if stage == "Archived":
            continue
        observed, desired = model.observed.get(stage, ()), model.desired.get(stage, ())
        in_git = f" (git: {version_list(desired)})" if observed != desired else ""
        phrases.append(f"{stage} {version_list(observed)}{in_git}")
    return "   ".join(phrases)


def _total(rows: Sequence[_Row]) -> str:
    counts = Counter(row.sync for row in rows)
    by_sync = ", ".join(f"{count} {sync}" for sync, count in counts.items())
    models = counted(len(rows), "model")
    return f"{models}: {by_sync}." if by_sync else f"{models}."


def _stages(stages: Mapping[str, tuple[int, ...]]) -> dict[str, list[int]]:
    return {stage: list(versions) for stage, versions in stages.items()}
