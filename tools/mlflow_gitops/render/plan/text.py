"""A plan as text for people. It leads with what each stage will be, then says why, then what
follows from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mlflow_gitops.core.plan.overview import in_order, overview
from mlflow_gitops.core.plan.plan import Plan
from mlflow_gitops.core.wording import counted, first_few
from mlflow_gitops.render.plan.overview import closing, overview_lines
from mlflow_gitops.render.problems import problem_lines
from mlflow_gitops.render.terminal import Style, safe


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
        yield from _wrapped(f"warning: {safe(notice)}", style, "yellow")
    yield from overview_lines(summary, style)
    if plan.policy is not None:
        from mlflow_gitops.render.plan.policy import policy_lines  # few plans change the policy

        yield from policy_lines(plan.policy, style)
    yield from _details(output, style)
    yield from _without_manifest(plan, style)
    if plan.refusals:
        from mlflow_gitops.render.plan.model_text import refusal_lines  # few runs are refused

        for refusal in plan.refusals:
            yield from refusal_lines(refusal, refusal.detail, style)
    yield from _file_errors(plan, style)
    if plan.onto is not None:
        unchanged = f"{counted(plan.unchanged_models, 'model')} the same as on {safe(plan.onto)}."
        yield from _wrapped(unchanged, style, "dim")
    yield from _wrapped(closing(plan, summary), style)


def _wrapped(text: str, style: Style, colour: str | None = None) -> Iterator[str]:
    if style.width is None or len(text) * 2 < style.width:
        yield style(text, colour)
        return
    from mlflow_gitops.render.console.layout import Styled, paragraph  # on a terminal only

    yield from paragraph([Styled(text, colour)], style)


def _details(output: PlanOutput, style: Style) -> Iterator[str]:
    """Each model with something to see."""
    plan = output.plan
    models = [
        model
        for model in in_order(plan.models, bool(plan.refusals))
        if model.changes or model.refusals or output.with_unchanged
    ]
    if models:
        from mlflow_gitops.render.plan.model_text import model_lines

        for model in models:
            yield from model_lines(model, plan, style)


def _without_manifest(plan: Plan, style: Style) -> Iterator[str]:
    """The manifests that this target deletes, and in one line those that were deleted before."""
    if plan.removed:
        from mlflow_gitops.render.plan.phrases import removal_phrase  # few plans delete a manifest
    for removed in plan.removed:
        sentence = safe(removal_phrase(removed).replace("`", ""))
        yield from _wrapped(f"! {sentence}", style, "yellow")
    is_removed = {removed.model for removed in plan.removed}
    names = [safe(name) for name in plan.without_manifest if name not in is_removed]
    if names:
        sentence = f"manifest deleted, left unchanged in MLflow: {first_few(names, 5)}"
        yield from _wrapped(sentence, style, "dim")


def _file_errors(plan: Plan, style: Style) -> Iterator[str]:
    """What is invalid in git."""
    yield from problem_lines(plan.errors)
    if plan.earlier_errors:
        files = first_few(sorted({problem.file for problem in plan.earlier_errors}), 3)
        branch = safe(plan.onto or "the branch")
        yield from _wrapped(f"warning: invalid on {branch} already: {safe(files)}", style, "yellow")
