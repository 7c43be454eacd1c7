"""One model of a plan as text: what each of its stages will be, why, and what follows from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mlflow_gitops.core.plan.plan import Change, ModelPlan, Plan, StageChange, stages_already_held
from mlflow_gitops.core.verdicts.verdict import Refusal
from mlflow_gitops.core.wording import version_list
from mlflow_gitops.render.console.layout import Styled, cell_width, padded, paragraph
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
_WIDEST_NAME = 24
"""Cells of a gate's name that a detail is still wrapped beside."""


def model_lines(model: ModelPlan, plan: Plan, style: Style) -> Iterator[str]:
    """One model: each stage that changes with its gates and what is known of the versions, other
    changes, what is refused, and who approved."""
    head = [Styled(safe(model.model), "bold"), Styled("   "), Styled(safe(model.file or ""), "dim")]
    if not model.changes:
        head.append(Styled(f"   {model.sync}"))
    yield from paragraph(head, style)

    width = max((cell_width(safe(row.stage)) for row in model.stages), default=0)
    covered: set[Change] = set()
    for row in model.stages:
        phrases, changes = consequences(row, model)
        covered.update(changes)
        yield from _stage(row, model, plan, phrases, width, style)
    for stage, versions in stages_already_held(model).items():
        sentence = f"{version_list(versions)} is already there in MLflow"
        yield from paragraph([Styled(f"{padded(safe(stage), width)}  {sentence}")], style, "  ")
        yield from _gates(model, stage, style)

    for change in model.changes:
        if change not in covered:
            spans = [Styled(change_text(change)), *_reason_of_change(change, plan)]
            yield from paragraph(spans, style, "  ")
    for refusal in model.refusals:
        yield from refusal_lines(refusal, refusal.brief or refusal.detail, style)
    if approvals := approval_sentence(model, plan):
        yield from paragraph(_spans(approvals, style), style, "  ")
    for note in model.notes:
        yield from paragraph([Styled(f"note: {safe(note)}", "dim")], style, "  ")


def _stage(
    row: StageChange,
    model: ModelPlan,
    plan: Plan,
    phrases: Sequence[str],
    width: int,
    style: Style,
) -> Iterator[str]:
    stage, move = Styled(f"{padded(safe(row.stage), width)}  "), Styled(stage_move(row), "bold")
    gap = Styled(" " * max(12 - cell_width(move.text), 2))
    yield from paragraph([stage, move, gap, *_reason(row, plan)], style, "  ", "      ")
    yield from _gates(model, row.stage, style)
    if phrases:
        yield from paragraph([Styled(safe("; ".join(phrases)))], style, "    ")
    if row.comparison:
        from mlflow_gitops.render.comparison.text import summary_span

        yield from paragraph([summary_span(row.comparison)], style, "    ")
    for sentence in stage_sentences(row, model, plan):
        yield from paragraph(_spans(sentence, style), style, "    ")


def _reason(row: StageChange, plan: Plan) -> list[Styled]:
    """Why a stage changes: the commit that asked for it, or what happened in MLflow."""
    if row.cause == "drift":
        return [Styled(f"drift: {safe(row.reason)}", "yellow")]
    if row.commit is None:
        return [Styled("not committed yet", "cyan")]
    return [_commit(row.commit.sha, plan), Styled(f' "{safe(row.commit.subject)}"')]


def _reason_of_change(change: Change, plan: Plan) -> list[Styled]:
    if change.cause == "drift":
        return [Styled("     "), Styled("drift: changed in MLflow", "yellow")]
    return [Styled("     "), _commit(change.commit.sha, plan)] if change.commit else []


def _commit(sha: str, plan: Plan) -> Styled:
    return Styled(sha[:7], None, plan.links.of_commit(sha) if plan.links else None)


def _spans(sentence: Sentence, style: Style) -> list[Styled]:
    """A sentence without the backticks around other people's words, with its links if the terminal
    shows links."""
    return [
        Styled(safe(part.text.replace("`", "")), "dim", part.url)
        for part in sentence
        if style.shows_links or not part.needs_link
    ]


def _gates(model: ModelPlan, stage: str, style: Style) -> Iterator[str]:
    """One line for each verdict, failed ones first."""
    rows = gate_rows(model, stage)
    names = [safe(gate) for status, gate, _ in rows if status != "exempt"]
    width = max(map(cell_width, names), default=0)
    hanging = " " * (8 + width if width <= _WIDEST_NAME else 8)
    for status, gate, detail in rows:
        line = f"{_MARKS[status]} {padded(safe(gate), width)}  {safe(detail)}"
        yield from paragraph([Styled(line, _GATE_COLOUR.get(status))], style, "    ", hanging)


def refusal_lines(refusal: Refusal, detail: str, style: Style) -> Iterator[str]:
    """Why something is refused, and the way out. `detail` is the refusal's own, or shorter."""
    spans = [Styled("✗ refused", "red"), Styled(f" [{safe(refusal.code)}] {safe(detail)}")]
    yield from paragraph(spans, style, "  ", "    ")
    yield from paragraph([Styled(f"way out: {safe(refusal.way_out)}")], style, "    ", "      ")
