"""A plan as text for people. It leads with what each stage will be, then says why, then what
follows from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mlflow_gitops.core.plan.plan import Change, ModelPlan, Plan, StageChange
from mlflow_gitops.core.verdicts.verdict import Refusal, Verdict
from mlflow_gitops.core.wording import counted, first_few, version_list
from mlflow_gitops.render.plan.phrases import (
    change_text,
    closing,
    consequences,
    stage_move,
    stages_already_held,
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
    """Each model that has changes or refusals, then one line that counts."""
    style = style or Style()
    plan = output.plan
    for notice in plan.notices:
        yield style(f"warning: {safe(notice)}", "yellow")
    if plan.policy is not None:
        from mlflow_gitops.render.plan.policy import policy_lines  # few plans change the policy

        yield from policy_lines(plan.policy, style)
    for model in plan.models:
        if model.changes or model.refusals or output.with_unchanged:
            yield from _model(model, style)

    for name in plan.without_manifest:
        message = f"{safe(name)}: its manifest was deleted; MLflow is left unchanged"
        yield style(message, "yellow")
    for refusal in plan.refusals:
        yield from refusal_lines(refusal, style)
    yield from _file_errors(plan, style)
    if plan.onto is not None:
        unchanged = f"{counted(plan.unchanged_models, 'model')} the same as on {safe(plan.onto)}."
        yield style(unchanged, "dim")
    yield closing(plan)


def _file_errors(plan: Plan, style: Style) -> Iterator[str]:
    """What is invalid in git."""
    yield from problem_lines(plan.errors)
    if plan.earlier_errors:
        files = first_few(sorted({problem.file for problem in plan.earlier_errors}), 3)
        branch = safe(plan.onto or "the branch")
        yield style(f"warning: invalid on {branch} already: {safe(files)}", "yellow")


def refusal_lines(refusal: Refusal, style: Style) -> Iterator[str]:
    """Why something is refused, and the way out."""
    yield f"  {style('✗ refused', 'red')} [{refusal.code}] {safe(refusal.detail)}"
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
        yield from _gates(_verdicts(model, stage), style)

    for change in model.changes:
        if change not in covered:
            yield f"  {change_text(change)}{_reason_of_change(change, style)}"
    for refusal in model.refusals:
        yield from refusal_lines(refusal, style)
    for note in model.notes:
        yield f"  {style('note: ' + safe(note), 'dim')}"


def _stage(
    row: StageChange, model: ModelPlan, phrases: Sequence[str], width: int, style: Style
) -> Iterator[str]:
    move = style(f"{stage_move(row):<10}", "bold")
    yield f"  {row.stage:<{width}}  {move}  {_reason(row, style)}"
    yield from _gates(_verdicts(model, row.stage), style)
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


def _verdicts(model: ModelPlan, stage: str) -> list[Verdict]:
    return [verdict for verdict in model.gates if verdict.stage == stage]


def _gates(verdicts: Sequence[Verdict], style: Style) -> Iterator[str]:
    """The verdicts in one line. Gates that are exempt for the same reason share one entry."""
    entries = [
        style(f"{_MARKS[verdict.status]} {safe(verdict.detail)}", _GATE_COLOUR.get(verdict.status))
        for verdict in verdicts
        if verdict.status != "exempt"
    ]
    exempt: dict[str, list[str]] = {}
    for verdict in verdicts:
        if verdict.status == "exempt":
            exempt.setdefault(verdict.detail, []).append(verdict.gate)
    for reason, gates in exempt.items():
        entries.append(f"{_MARKS['exempt']} {', '.join(dict.fromkeys(gates))}: {safe(reason)}")

    if entries:
        yield "    " + "   ".join(entries)
