"""A plan as text for people. It leads with what each stage will be, then says why, then what
follows from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mlflow_gitops.core.plan.overview import in_order, overview, stages_already_held
from mlflow_gitops.core.plan.plan import Change, ModelPlan, Plan, StageChange
from mlflow_gitops.core.verdicts.verdict import Refusal
from mlflow_gitops.core.wording import counted, first_few, version_list
from mlflow_gitops.render.console.layout import cell_width, padded
from mlflow_gitops.render.plan.overview import closing, overview_lines
from mlflow_gitops.render.plan.phrases import (
    change_text,
    consequences,
    gate_rows,
    removal_phrase,
    stage_move,
)
from mlflow_gitops.render.problems import problem_lines
from mlflow_gitops.render.terminal import Style, safe

_MARKS = {
    "passed": "✓",
    "failed": "✗",
    "overridden": "!",
    "exempt": "·",
    "waiting": "…",
    "unknown": "?",
}
_GATE_COLOUR = {
    "passed": "green",
    "failed": "red",
    "unknown": "red",
    "waiting": "yellow",
    "overridden": "yellow",
}


@dataclass(frozen=True, slots=True)
class PlanOutput:
    """A plan to print. The text form lists models without changes only if `with_unchanged`."""

    plan: Plan
    with_unchanged: bool = False


def text(output: PlanOutput, style: Style | None = None) -> Iterator[str]:
    """What each stage will be as a table, then each model that has changes or refusals, refused
    ones first, and one line that counts."""
    style = style or Style()
    plan, summary = output.plan, overview(output.plan)
    for notice in plan.notices:
        yield style(f"warning: {safe(notice)}", "yellow")
    yield from overview_lines(summary, style)
    if plan.policy is not None:
        from mlflow_gitops.render.plan.policy import policy_lines  # few plans change the policy

        yield from policy_lines(plan.policy, style)
    for model in in_order(plan.models, bool(plan.refusals)):
        if model.changes or model.refusals or output.with_unchanged:
            yield from _model(model, style)

    yield from _without_manifest(plan, style)
    for refusal in plan.refusals:
        yield from refusal_lines(refusal, style)
    yield from _file_errors(plan, style)
    if plan.onto is not None:
        unchanged = f"{counted(plan.unchanged_models, 'model')} the same as on {safe(plan.onto)}."
        yield style(unchanged, "dim")
    yield closing(plan, summary)


def _without_manifest(plan: Plan, style: Style) -> Iterator[str]:
    """The manifests that this target deletes, and in one line those that were deleted before."""
    for removed in plan.removed:
        yield style(f"! {safe(removal_phrase(removed).replace('`', ''))}", "yellow")
    is_removed = {removed.model for removed in plan.removed}
    names = [safe(name) for name in plan.without_manifest if name not in is_removed]
    if names:
        yield style(f"manifest deleted, left unchanged in MLflow: {first_few(names, 5)}", "dim")


def _file_errors(plan: Plan, style: Style) -> Iterator[str]:
    """What is invalid in git."""
    yield from problem_lines(plan.errors)
    if plan.earlier_errors:
        files = first_few(sorted({problem.file for problem in plan.earlier_errors}), 3)
        branch = safe(plan.onto or "the branch")
        yield style(f"warning: invalid on {branch} already: {safe(files)}", "yellow")


def refusal_lines(refusal: Refusal, style: Style) -> Iterator[str]:
    """Why something is refused, and the way out."""
    yield from _refusal(refusal, refusal.detail, style)


def _refusal(refusal: Refusal, detail: str, style: Style) -> Iterator[str]:
    yield f"  {style('✗ refused', 'red')} [{refusal.code}] {safe(detail)}"
    yield f"    way out: {safe(refusal.way_out)}"


def _model(model: ModelPlan, style: Style) -> Iterator[str]:
    head = f"{style(safe(model.model), 'bold')}   {style(safe(model.file or ''), 'dim')}"
    yield head if model.changes else f"{head}   {model.sync}"

    width = max((len(row.stage) for row in model.stages), default=0)
    covered: set[Change] = set()
    for row in model.stages:
        phrases, changes = consequences(row, model)
        covered.update(changes)
        yield from _stage(row, model, phrases, width, style)
    for stage, versions in stages_already_held(model).items():
        yield f"  {stage:<{width}}  {version_list(versions)} is already there in MLflow"
        yield from _gates(model, stage, style)

    for change in model.changes:
        if change not in covered:
            yield f"  {change_text(change)}{_reason_of_change(change, style)}"
    for refusal in model.refusals:
        yield from _refusal(refusal, refusal.brief or refusal.detail, style)
    for note in model.notes:
        yield f"  {style('note: ' + safe(note), 'dim')}"


def _stage(
    row: StageChange, model: ModelPlan, phrases: Sequence[str], width: int, style: Style
) -> Iterator[str]:
    move = style(f"{stage_move(row):<10}", "bold")
    yield f"  {row.stage:<{width}}  {move}  {_reason(row, style)}"
    yield from _gates(model, row.stage, style)
    if phrases:
        yield f"    {safe('; '.join(phrases))}"
    if row.comparison:
        from mlflow_gitops.render.comparison.text import summary_line

        yield f"    {summary_line(row.comparison, style)}"


def _reason(row: StageChange, style: Style) -> str:
    """Why a stage changes: the commit that asked for it, or what happened in MLflow."""
    if row.cause == "drift":
        return style(f"drift: {safe(row.reason)}", "yellow")
    if row.commit is None:
        return style("not committed yet", "cyan")

    return f'{row.commit.sha[:7]} "{safe(row.commit.subject)}"'


def _reason_of_change(change: Change, style: Style) -> str:
    if change.cause == "drift":
        return "     " + style("drift: changed in MLflow", "yellow")
    return f"     {change.commit.sha[:7]}" if change.commit else ""


def _gates(model: ModelPlan, stage: str, style: Style) -> Iterator[str]:
    """One line for each verdict, failed ones first."""
    rows = gate_rows(model, stage)
    width = max(
        (cell_width(safe(gate)) for status, gate, _ in rows if status != "exempt"), default=0
    )
    for status, gate, detail in rows:
        line = f"{_MARKS[status]} {padded(safe(gate), width)}  {safe(detail)}"
        yield f"    {style(line, _GATE_COLOUR.get(status))}"
