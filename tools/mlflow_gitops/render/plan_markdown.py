"""The Markdown forms, for a comment on a pull request. Whatever others wrote stands in code spans
(`render/markdown_safe.py`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mlflow_gitops.core.comparison.values import Comparison
from mlflow_gitops.core.plan.plan import Change, ModelPlan, Plan, StageChange
from mlflow_gitops.core.verdicts.verdict import Refusal, Verdict
from mlflow_gitops.core.wording import counted, first_few, version_list
from mlflow_gitops.core.yaml.problems import Problem
from mlflow_gitops.render import plan_text
from mlflow_gitops.render.comparison_table import MISSING, NONE, Section, brief, sheet
from mlflow_gitops.render.markdown_safe import LIMIT, Block, bounded, cell, code, fenced, table

_MARKS = {
    "passed": "✅",
    "failed": "❌",
    "overridden": "⚠️",
    "exempt": "➖",
    "waiting": "⏳",
    "unknown": "❓",
}
_ROWS = 40
"""Rows of one table, and lines of one list."""
_CELL = 80
"""Characters of one cell of a comparison."""


def plan(plan: Plan, limit: int = LIMIT) -> Iterator[str]:
    """The plan: what each stage will be, the gates, what is refused and the way out, the old
    version beside the new one."""
    blocks = [_block(model) for model in plan.models if model.changes or model.refusals]
    tail = [*(_refusal(refusal) for refusal in plan.refusals)]
    gone = [code(name, _CELL) for name in plan.gone]
    if gone:
        tail.append(f"Without a manifest, and left as they are: {first_few(gone, _ROWS)}.")
    if plan.onto is not None:
        tail.append(f"{counted(plan.others, 'model')} as on {code(plan.onto, _CELL)}.")
    tail.append(f"**{plan_text.closing(plan)}**")
    yield bounded("## Model registry: plan", blocks, "\n\n".join(tail), "model", limit)


def status(plan: Plan, limit: int = LIMIT) -> Iterator[str]:
    """Where each model stands, a row each; those that are not Synced are the last to be cut."""
    rows = []
    for model in plan.models:
        why = "; ".join(f"{refusal.code}: {refusal.detail}" for refusal in model.refusals)
        told = (
            cell(model.model),
            model.sync,
            _cell(plan_text.say_holders(model)),
            cell(why) if why else "",
        )
        rows.append((told, model.sync != "Synced" or bool(model.refusals)))
    gone = "its manifest is gone; MLflow keeps what it holds"
    rows += [((cell(name), "Unmanaged", "", gone), True) for name in plan.gone]
    rows += [((cell(name), "Unmanaged", "", ""), False) for name in plan.unmanaged]
    lines = [(f"| {' | '.join(cells)} |", urgent) for cells, urgent in rows]
    syncs = [cells[1] for cells, _ in rows]
    counts = ", ".join(f"{syncs.count(sync)} {sync}" for sync in dict.fromkeys(syncs))
    head = table(("model", "sync", "stages", "why"), ())
    tail = f"**{counted(len(rows), 'model')}{': ' + counts if counts else ''}.**"
    yield "## Model registry: status\n"
    yield bounded(
        head if rows else "",
        [Block(line, line, urgent) for line, urgent in lines],
        tail,
        "model",
        limit - 40,
        "\n",
    )


def comparison(found: Comparison, limit: int = LIMIT) -> Iterator[str]:
    """Two versions side by side."""
    head = f"## {code(found.model)}: {found.before.number} → {found.after.number}"
    told = list(_sections(found))
    blocks = [Block(section, section, urgent=i == 0) for i, section in enumerate(told)]
    yield bounded(head, blocks, "", "section", limit)


def problems(found: Iterable[Problem], limit: int = LIMIT) -> Iterator[str]:
    """Why files cannot be planned, a line each."""
    lines = [
        f"- {code(f'{one.file}:{one.line}:{one.column}')} {one.severity} {code(one.code)}:"
        f" {code(one.message)}"
        for one in found
    ]
    blocks = [Block(line, line) for line in lines]
    tail = f"**{counted(len(lines), 'problem')}; nothing is planned before the files are valid.**"
    yield bounded("## Model registry: invalid files\n", blocks, tail, "problem", limit, "\n")


def _block(model: ModelPlan) -> Block:
    without = "\n".join(_model(model))
    details = [_details(row.comparison, row.stage) for row in model.stages if row.comparison]
    return Block("\n\n".join([without, *details]), without, bool(model.refusals))


def _model(model: ModelPlan) -> Iterator[str]:
    yield f"### {code(model.model)}\n"
    told: set[Change] = set()
    for row in model.stages:
        yield f"- {code(row.stage)} **{plan_text.say_move(row)}** {_because(row)}"
        yield from _gates([verdict for verdict in model.gates if verdict.stage == row.stage])
        follows, mentioned = plan_text.consequences(row, model)
        told.update(mentioned)
        if follows:
            yield f"  - {'; '.join(map(code, follows))}"
        if row.comparison:
            said = "; ".join(code(part) for part in brief(row.comparison))
            yield (
                f"  - {row.comparison.after.number} against {row.comparison.before.number}: {said}"
            )
    for stage in dict.fromkeys(verdict.stage for verdict in model.gates):
        if not any(row.stage == stage for row in model.stages):
            held = sorted({verdict.version for verdict in model.gates if verdict.stage == stage})
            yield f"- {code(stage)} {version_list(held)} is there in MLflow already"
            yield from _gates([verdict for verdict in model.gates if verdict.stage == stage])
    rest = [change for change in model.changes if change not in told]
    yield from (
        f"- {code(plan_text.say_change(change))}{_changed_by(change)}" for change in rest[:_ROWS]
    )
    if len(rest) > _ROWS:
        yield f"- … and {counted(len(rest) - _ROWS, 'more change')}"
    for refusal in model.refusals:
        yield f"\n{_refusal(refusal)}"
    if model.deferred:
        yield f"\n⏳ Reconcile waits until {code(model.deferred)}."
    for note in model.notes[:_ROWS]:
        yield f"\nNote: {code(note)}"
    if model.file:
        yield f"\n<sub>in {code(model.file)}</sub>"


def _because(row: StageChange) -> str:
    if row.cause == "drift":
        return f"drift: {code(row.why)}"
    if row.commit is None:
        return "not committed yet"
    request = row.commit.pull_request
    subject = row.commit.subject.removesuffix(f" (#{request})")
    return f"{code(row.commit.sha[:7])} {code(subject)}" + (
        f" #{request}" if request is not None else ""
    )


def _changed_by(change: Change) -> str:
    if change.cause == "drift":
        return ", changed in MLflow"
    return f" {code(change.commit.sha[:7])}" if change.commit else ""


def _gates(verdicts: list[Verdict]) -> Iterator[str]:
    for one in verdicts[:_ROWS]:
        yield f"  - {_MARKS[one.status]} {code(one.gate)} {code(one.detail)}" + (
            f", until {code(one.until)}" if one.until else ""
        )
    if len(verdicts) > _ROWS:
        yield f"  - … and {counted(len(verdicts) - _ROWS, 'more verdict')}"


def _refusal(refusal: Refusal) -> str:
    return (
        f"> ❌ **Refused** ({code(refusal.code)}): {code(refusal.detail, 600)}\n>\n> Way out:"
        f" {code(refusal.way_out, 600)}"
    )


def _details(found: Comparison, stage: str) -> str:
    pair = f"{found.after.number} against {found.before.number}"
    parts = [
        f"<details><summary>{pair}</summary>",
        f"What {code(stage)} gets, and what it has:",
        *_sections(found),
    ]
    return "\n\n".join([*parts, "</details>"])


def _sections(found: Comparison) -> Iterator[str]:
    heads = ("", str(found.before.number), str(found.after.number), "")
    return (_section(section, heads) for section in sheet(found))


def _section(section: Section, heads: tuple[str, ...]) -> str:
    parts = [f"**{section.title}**" + (f": {section.note}" if section.note else "")]
    if section.rows:
        rows = [
            (_cell(row.label), _cell(row.before), _cell(row.after), _cell(row.remark))
            for row in section.rows[:_ROWS]
        ]
        parts.append(table(heads, rows))
    lines = [
        f"- {'❌' if one.breaks else '➖'} {code(one.detail)}" for one in section.lines[:_ROWS]
    ]
    if lines:
        parts.append("\n".join(lines))
    if section.diff:
        parts.append(fenced(section.diff[:_ROWS], "diff"))
    if (cut := max(len(section.rows), len(section.lines), len(section.diff)) - _ROWS) > 0:
        parts.append(f"… and {cut} more.")
    return "\n\n".join(parts)


def _cell(said: str) -> str:
    return said if said in (MISSING, NONE, "") else cell(said, _CELL)
