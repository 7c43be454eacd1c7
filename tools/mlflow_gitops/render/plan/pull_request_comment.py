"""A plan in Markdown: the text of the pull request comment. Everything that other people wrote is
put into code spans (`render/markdown_safe.py`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mlflow_gitops.core.comparison.values import Comparison
from mlflow_gitops.core.plan.overview import OUTLOOKS, Overview, in_order, model_outlook, overview
from mlflow_gitops.core.plan.plan import Change, ModelPlan, Plan, StageChange, stages_already_held
from mlflow_gitops.core.verdicts.verdict import Refusal
from mlflow_gitops.core.wording import NO_VALUE, counted, first_few, version_list
from mlflow_gitops.core.yaml.problems import Problem
from mlflow_gitops.render.comparison.brief import brief
from mlflow_gitops.render.comparison.markdown import sections
from mlflow_gitops.render.markdown_safe import CELL, LIMIT, ROWS, Block, bounded, code, prose
from mlflow_gitops.render.plan.overview import closing
from mlflow_gitops.render.plan.overview_markdown import MARKS, overview_paragraphs
from mlflow_gitops.render.plan.phrases import (
    change_text,
    consequences,
    gate_rows,
    removal_phrase,
    stage_move,
)
from mlflow_gitops.render.plan.policy import policy_paragraphs
from mlflow_gitops.render.plan.review import (
    Sentence,
    approval_sentence,
    next_step,
    stage_sentences,
)
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
_SPACE_BESIDE_TABLE = 1000
"""Bytes of a comment that the table leaves to the details."""


def markdown(output: PlanOutput) -> Iterator[str]:
    """The page that `--format markdown` prints."""
    yield comment(output.plan)


def comment(plan: Plan, limit: int = LIMIT, notices: Sequence[str] = ()) -> str:
    """What the plan comes to, `notices` and those of the plan, every stage in one table, and for
    each model the gates, what is refused with its way out, and the old version compared with the
    new one. Refused models come first. At most `limit` bytes: what is left out is counted, and the
    table comes first."""
    summary = overview(plan)
    models = in_order(plan.models, bool(plan.refusals))
    blocks = [_block(model, plan) for model in models if model.changes or model.refusals]
    tail = list(_tail(plan))
    head = ["## Model registry: plan", f"{_mark(summary)} **{closing(plan, summary)}**"]
    head += notice_lines((*notices, *plan.notices))
    head += [_refusal(refusal, refusal.detail) for refusal in plan.refusals]

    policy = policy_paragraphs(plan.policy, limit // 3) if plan.policy is not None else []
    errors = ["\n".join(["❌ **Invalid files**", "", *error_lines(plan.errors)])] * bool(
        plan.errors
    )
    removals = [f"⚠️ {prose(_capital(removal_phrase(removed)))}." for removed in plan.removed[:ROWS]]
    other_parts = (*head, *policy, *errors, *removals, *tail)
    space = limit - sum(len(part.encode()) + 2 for part in other_parts) - _SPACE_BESIDE_TABLE
    head += [*overview_paragraphs(summary, space), *removals, *policy, *errors]
    return bounded("\n\n".join(head), blocks, "\n\n".join(tail), "model", limit)


def _mark(summary: Overview) -> str:
    marks = [MARKS[outlook] for outlook in OUTLOOKS if summary.counts[outlook]]
    return marks[0] if marks else MARKS["unchanged"]


def _tail(plan: Plan) -> Iterator[str]:
    removed = {removed.model for removed in plan.removed}
    names = [code(name, CELL) for name in plan.without_manifest if name not in removed]
    if names:
        yield f"Manifest deleted, left unchanged in MLflow: {first_few(names, ROWS)}."
    if plan.earlier_errors:
        branch = code(plan.onto or "the branch", CELL)
        lines = [f"⚠️ Invalid on {branch} already, whatever this changes:", ""]
        yield "\n".join([*lines, *error_lines(plan.earlier_errors)])
    if plan.onto is not None:
        branch = code(plan.onto, CELL)
        yield f"{counted(plan.unchanged_models, 'model')} the same as on {branch}."


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


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


def _block(model: ModelPlan, plan: Plan) -> Block:
    without_details = "\n".join(_model(model, plan))
    details = [_details(row.comparison, row.stage) for row in model.stages if row.comparison]
    full = "\n\n".join([without_details, *details])
    return Block(full, without_details, bool(model.refusals))


def _model(model: ModelPlan, plan: Plan) -> Iterator[str]:
    yield f"### {code(model.model)}\n"
    yield from _stages(model, plan)

    for refusal in model.refusals:
        yield f"\n{_refusal(refusal, refusal.brief or refusal.detail)}"
    yield from _people_and_next_step(model, plan)
    for note in model.notes[:ROWS]:
        yield f"\nNote: {prose(note)}"
    if model.file:
        yield f"\n<sub>in {code(model.file)}</sub>"


def _people_and_next_step(model: ModelPlan, plan: Plan) -> Iterator[str]:
    sentences = []
    if approvals := approval_sentence(model, plan):
        sentences.append(f"{_capital(_linked(approvals))}.")
    if step := next_step(model, model_outlook(model, bool(plan.refusals)), plan):
        sentences.append(prose(step))
    if sentences:
        yield f"\n{' '.join(sentences)}"


def _stages(model: ModelPlan, plan: Plan) -> Iterator[str]:
    """Each stage that changes, each that gates were asked for, and every other change."""
    covered: set[Change] = set()
    for row in model.stages:
        phrases, changes = consequences(row, model)
        covered.update(changes)
        yield f"- {code(row.stage)} **{_move(row, model, plan)}** {_reason(row, plan)}"
        yield from _gates(model, row.stage)
        if phrases:
            yield f"  - {'; '.join(map(prose, phrases))}"
        if row.comparison:
            differences = "; ".join(map(prose, brief(row.comparison)))
            yield f"  - {_pair(row.comparison)}: {differences}"
        for sentence in stage_sentences(row, model, plan):
            yield f"  - {_linked(sentence)}"

    for stage, versions in stages_already_held(model).items():
        yield f"- {code(stage)} {version_list(versions)} is already there in MLflow"
        yield from _gates(model, stage)

    other_changes = [change for change in model.changes if change not in covered]
    for change in other_changes[:ROWS]:
        yield f"- {prose(change_text(change))}{_reason_of_change(change)}"
    yield from _left_out(other_changes, "change", "")


def _linked(sentence: Sentence) -> str:
    """A sentence in Markdown, with its links."""
    return "".join(
        f"[{prose(part.text)}]({part.url})" if part.url else _span(part.text) for part in sentence
    )


def _span(text: str) -> str:
    """A part of a sentence; what stands between two parts is our own."""
    return text if text.strip(",;: ") == "" else prose(text)


def _move(row: StageChange, model: ModelPlan, plan: Plan) -> str:
    """The versions that hold a stage now and then; those that are served, with links."""
    review, links = row.review, plan.links
    if review is None or links is None:
        return stage_move(row)
    urls = {
        version.number: links.of_version(model.model, version)
        for version in (review.before, review.after)
        if version is not None
    }
    sides = (
        ", ".join(
            f"[{number}]({urls[number]})" if urls.get(number) else str(number) for number in side
        )
        for side in (row.before, row.after)
    )
    return " → ".join(side or NO_VALUE for side in sides)


def _reason(row: StageChange, plan: Plan) -> str:
    """Why a stage changes: the commit that asked for it, or what happened in MLflow."""
    if row.cause == "drift":
        return f"drift: {prose(row.reason)}"
    if row.commit is None:
        return "not committed yet"

    url = plan.links.of_commit(row.commit.sha) if plan.links else None
    sha = code(row.commit.sha[:7])
    return f"{f'[{sha}]({url})' if url else sha} {code(row.commit.subject)}"


def _reason_of_change(change: Change) -> str:
    if change.cause == "drift":
        return ", changed in MLflow"
    return f" {code(change.commit.sha[:7])}" if change.commit else ""


def _gates(model: ModelPlan, stage: str) -> Iterator[str]:
    rows = gate_rows(model, stage)
    for status, gate, detail in rows[:ROWS]:
        yield f"  - {_MARKS[status]} {_bold(gate)} {prose(detail)}"
    yield from _left_out(rows, "verdict", "  ")


def _bold(text: str) -> str:
    written = prose(text, CELL)
    return written if written.startswith("`") else f"**{written}**"


def _left_out(items: Sequence[object], noun: str, indent: str) -> Iterator[str]:
    if len(items) > ROWS:
        yield f"{indent}- … and {counted(len(items) - ROWS, f'more {noun}')}"


def _refusal(refusal: Refusal, detail: str) -> str:
    reason = prose(detail, _LONGEST_REFUSAL)
    way_out = prose(refusal.way_out, _LONGEST_REFUSAL)
    return f"> ❌ **Refused** ({code(refusal.code)}): {reason}\n>\n> Way out: {way_out}"


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
