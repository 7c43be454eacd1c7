"""One model of a plan as text: what each of its stages will be, why, and what follows from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mlflow_gitops.core.plan.plan import Change, ModelPlan, Plan, StageChange, stages_already_held
from mlflow_gitops.core.verdicts.verdict import Refusal
from mlflow_gitops.core.wording import version_list
from mlflow_gitops.render.console.layout import cell_width, padded
from mlflow_gitops.render.plan.phrases import change_text, consequences, gate_rows, stage_move
from mlflow_gitops.render.plan.review import Sentence, approval_sentence, stage_sentences
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


def model_lines(model: ModelPlan, plan: Plan, style: Style) -> Iterator[str]:
    head = f"{style(safe(model.model), 'bold')}   {style(safe(model.file or ''), 'dim')}"
    yield head if model.changes else f"{head}   {model.sync}"

    width = max((len(row.stage) for row in model.stages), default=0)
    covered: set[Change] = set()
    for row in model.stages:
        phrases, changes = consequences(row, model)
        covered.update(changes)
        yield from _stage(row, model, phrases, width, style)
        for sentence in stage_sentences(row, model, plan):
            yield f"    {_plain(sentence, style)}"
    for stage, versions in stages_already_held(model).items():
        yield f"  {stage:<{width}}  {version_list(versions)} is already there in MLflow"
        yield from _gates(model, stage, style)

    for change in model.changes:
        if change not in covered:
            yield f"  {change_text(change)}{_reason_of_change(change, style)}"
    for refusal in model.refusals:
        yield from refusal_lines(refusal, refusal.brief or refusal.detail, style)
    if approvals := approval_sentence(model, plan):
        yield f"  {_plain(approvals, style)}"
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


def _plain(sentence: Sentence, style: Style) -> str:
    """A sentence without the backticks around other people's words."""
    text = "".join(part.text for part in sentence if not part.needs_link)
    return style(safe(text.replace("`", "")), "dim")


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


def refusal_lines(refusal: Refusal, detail: str, style: Style) -> Iterator[str]:
    """Why something is refused, and the way out. `detail` is the refusal's own, or shorter."""
    yield f"  {style('✗ refused', 'red')} [{refusal.code}] {safe(detail)}"
    yield f"    way out: {safe(refusal.way_out)}"
