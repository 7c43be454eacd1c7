"""A plan in Markdown: the text of the pull request comment. Everything that other people wrote is
put into code spans (`render/markdown_safe.py`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mlflow_gitops.core.comparison.values import Comparison
from mlflow_gitops.core.plan.plan import Change, ModelPlan, Plan, StageChange
from mlflow_gitops.core.verdicts.verdict import Refusal, Verdict
from mlflow_gitops.core.wording import counted, first_few, version_list
from mlflow_gitops.core.yaml.problems import Problem
from mlflow_gitops.render.comparison.brief import brief
from mlflow_gitops.render.comparison.markdown import sections
from mlflow_gitops.render.markdown_safe import CELL, LIMIT, ROWS, Block, bounded, code
from mlflow_gitops.render.plan.move_table import stage_move_table
from mlflow_gitops.render.plan.phrases import (
    change_text,
    closing,
    consequences,
    stage_move,
    stages_already_held,
)
from mlflow_gitops.render.plan.policy import policy_paragraphs
from mlflow_gitops.render.plan.text import PlanOutput

_MARKS = {
    "passed": "✅",
    "failed": "❌",
    "overridden": "⚠️",
    "exempt": "➖",
    "waiting": "⏳",
    "unknown": "❓",
}
_LONGEST_REFUSAL = 600
_MOST_NOTICES = 10
_SPACE_BESIDE_MOVES = 1000
"""Bytes of a comment that the table of stage moves leaves to the rest."""


def markdown(output: PlanOutput) -> Iterator[str]:
    """The page that `--format markdown` prints."""
    yield comment(output.plan)


def comment(plan: Plan, limit: int = LIMIT, notices: Sequence[str] = ()) -> str:
    """All stage moves in one table, `notices` and those of the plan, and for each model the gates,
    what is refused with its way out, and the old version compared with the new one. At most `limit`
    bytes: what is left out is counted, and stage moves come first."""
    blocks = [_block(model) for model in plan.models if model.changes or model.refusals]
    tail = [_refusal(refusal) for refusal in plan.refusals]

    if plan.without_manifest:
        names = first_few([code(name, CELL) for name in plan.without_manifest], ROWS)
        tail.append(f"Manifest deleted, left unchanged in MLflow: {names}.")
    if plan.errors:
        tail.append("\n".join(["❌ **Invalid files**", "", *error_lines(plan.errors)]))
    if plan.earlier_errors:
        branch = code(plan.onto or "the branch", CELL)
        lines = [f"⚠️ Invalid on {branch} already, whatever this changes:", ""]
        tail.append("\n".join([*lines, *error_lines(plan.earlier_errors)]))
    if plan.onto is not None:
        tail.append(
            f"{counted(plan.unchanged_models, 'model')} the same as on {code(plan.onto, CELL)}."
        )
    tail.append(f"**{closing(plan)}**")

    head = ["## Model registry: plan", *notice_lines((*notices, *plan.notices))]
    if plan.policy is not None:
        head += policy_paragraphs(plan.policy, limit // 3)
    space = limit - sum(len(part.encode()) for part in (*head, *tail)) - _SPACE_BESIDE_MOVES
    head += stage_move_table(plan, space)
    return bounded("\n\n".join(head), blocks, "\n\n".join(tail), "model", limit)


def notice_lines(notices: Sequence[str]) -> Iterator[str]:
    """What is wrong with the clone or with the main line as a whole: the first notices, and a count
    of the rest."""
    for notice in notices[:_MOST_NOTICES]:
        yield f"⚠️ {code(notice, _LONGEST_REFUSAL)}"
    if len(notices) > _MOST_NOTICES:
        yield f"⚠️ … and {counted(len(notices) - _MOST_NOTICES, 'more notice')}"


def error_lines(errors: Sequence[Problem]) -> Iterator[str]:
    """The first errors in files as a Markdown list, each with its place, and a count of the
    rest."""
    for problem in errors[:ROWS]:
        position = code(f"{problem.file}:{problem.line}:{problem.column}", CELL)
        yield f"- {position} {code(problem.code)}: {code(problem.message, _LONGEST_REFUSAL)}"
    yield from _left_out(errors, "error", "")


def no_plan(reason: str) -> str:
    """The page if no plan can be made."""
    return f"## Model registry: no plan\n\n{code(reason, 2000)}"


def _block(model: ModelPlan) -> Block:
    without_details = "\n".join(_model(model))
    details = [_details(row.comparison, row.stage) for row in model.stages if row.comparison]
    full = "\n\n".join([without_details, *details])
    return Block(full, without_details, bool(model.refusals))


def _model(model: ModelPlan) -> Iterator[str]:
    yield f"### {code(model.model)}\n"
    yield from _stages(model)

    for refusal in model.refusals:
        yield f"\n{_refusal(refusal)}"
    if model.deferred:
        yield f"\n⏳ Reconcile waits until {code(model.deferred)}."
    for note in model.notes[:ROWS]:
        yield f"\nNote: {code(note)}"
    if model.file:
        yield f"\n<sub>in {code(model.file)}</sub>"


def _stages(model: ModelPlan) -> Iterator[str]:
    """Each stage that changes, each that gates were asked for, and every other change."""
    covered: set[Change] = set()
    for row in model.stages:
        phrases, changes = consequences(row, model)
        covered.update(changes)
        yield f"- {code(row.stage)} **{stage_move(row)}** {_reason(row)}"
        yield from _gates(model, row.stage)
        if phrases:
            yield f"  - {'; '.join(map(code, phrases))}"
        if row.comparison:
            differences = "; ".join(map(code, brief(row.comparison)))
            yield f"  - {_pair(row.comparison)}: {differences}"

    for stage, versions in stages_already_held(model).items():
        yield f"- {code(stage)} {version_list(versions)} is already there in MLflow"
        yield from _gates(model, stage)

    other_changes = [change for change in model.changes if change not in covered]
    for change in other_changes[:ROWS]:
        yield f"- {code(change_text(change))}{_reason_of_change(change)}"
    yield from _left_out(other_changes, "change", "")


def _reason(row: StageChange) -> str:
    """Why a stage changes: the commit that asked for it, or what happened in MLflow."""
    if row.cause == "drift":
        return f"drift: {code(row.reason)}"
    if row.commit is None:
        return "not committed yet"

    return f"{code(row.commit.sha[:7])} {code(row.commit.subject)}"


def _reason_of_change(change: Change) -> str:
    if change.cause == "drift":
        return ", changed in MLflow"
    return f" {code(change.commit.sha[:7])}" if change.commit else ""


def _gates(model: ModelPlan, stage: str) -> Iterator[str]:
    verdicts = [verdict for verdict in model.gates if verdict.stage == stage]
    for verdict in verdicts[:ROWS]:
        yield f"  - {_verdict(verdict)}"
    yield from _left_out(verdicts, "verdict", "  ")


def _verdict(verdict: Verdict) -> str:
    line = f"{_MARKS[verdict.status]} {code(verdict.gate)} {code(verdict.detail)}"
    return f"{line}, until {code(verdict.until)}" if verdict.until else line


def _left_out(items: Sequence[object], noun: str, indent: str) -> Iterator[str]:
    if len(items) > ROWS:
        yield f"{indent}- … and {counted(len(items) - ROWS, f'more {noun}')}"


def _refusal(refusal: Refusal) -> str:
    detail, way_out = (
        code(refusal.detail, _LONGEST_REFUSAL),
        code(refusal.way_out, _LONGEST_REFUSAL),
    )
    return f"> ❌ **Refused** ({code(refusal.code)}): {detail}\n>\n> Way out: {way_out}"


def _details(comparison: Comparison, stage: str) -> str:
    parts = [
        f"<details><summary>{_pair(comparison)}</summary>",
        f"What {code(stage)} gets, and what it has:",
        *sections(comparison),
        "</details>",
    ]
    return "\n\n".join(parts)


def _pair(comparison: Comparison) -> str:
    return f"{comparison.after.number} compared with {comparison.before.number}"
