"""Sentences about the versions of a plan, for its text form and for Markdown: who trained them, how
long one has held its stage, where else it is, and who owns the model and approved."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from mlflow_gitops.core.plan.overview import Outlook
from mlflow_gitops.core.plan.plan import ModelPlan, Plan, StageChange
from mlflow_gitops.core.plan.review import PlanLinks, ReviewedVersion, has_owner_approved
from mlflow_gitops.core.times import age, format_minute
from mlflow_gitops.core.wording import and_list, first_few

_MOST_NAMED = 3


class Part(NamedTuple):
    """A part of a sentence. Other people's words are between backticks; `url` is where they are to
    be seen. One that `needs_link` says nothing without it."""

    text: str
    url: str | None = None
    needs_link: bool = False


Sentence = list[Part]


def stage_sentences(row: StageChange, model: ModelPlan, plan: Plan) -> Iterator[Sentence]:
    """What is known of the versions of one stage, a sentence for each subject."""
    review, links = row.review, plan.links
    if review is None or links is None:
        return
    if review.after is not None:
        yield from _origin(review.after, model, links, links.of_code_diff(review), review.before)
        yield from _copies(review.after)
    if review.before is not None and review.held_since is not None and plan.made_at:
        since = review.held_since
        length = age(since.at, plan.made_at) or "a moment"
        at_least = "at least " if since.at_least else ""
        yield [
            Part(
                f"{review.before.number} has held {row.stage} for {at_least}{length}, since"
                f" {format_minute(since.at)} UTC"
            )
        ]


def _origin(
    version: ReviewedVersion,
    model: ModelPlan,
    links: PlanLinks,
    code_diff: str | None,
    before: ReviewedVersion | None,
) -> Iterator[Sentence]:
    parts: Sentence = []
    if version.run_id is not None:
        parts.append(Part(f"run `{version.run_id[:8]}`", links.of_run(version)))
    if version.trained_by is not None:
        parts.append(Part(f"trained by `{version.trained_by}`"))
    if version.datasets:
        names = [f"`{data.name or data.digest}`" for data in version.datasets]
        parts.append(Part(f"on {first_few(names, _MOST_NAMED)}", links.of_run(version)))
    if version.code_commit is not None:
        parts.append(Part(f"code `{version.code_commit[:7]}`", links.of_code(version)))
    if code_diff is not None and before is not None:
        parts.append(Part(f"code changes since {before.number}", code_diff, True))
    if parts:
        head = Part(str(version.number), links.of_version(model.model, version))
        yield [head, Part(": "), *_separated(parts, ", ")]


def _separated(parts: Sentence, separator: str) -> Iterator[Part]:
    for index, part in enumerate(parts):
        if index:
            yield Part(separator, needs_link=part.needs_link)
        yield part


def _copies(version: ReviewedVersion) -> Iterator[Sentence]:
    phrases = [
        f"`{copy.environment}` ({copy.version} in {and_list(copy.stages)})"
        for copy in version.copies
    ]
    if phrases:
        yield [Part(f"{version.number} is also in {and_list(phrases)}")]


def approval_sentence(model: ModelPlan, plan: Plan) -> Sentence:
    """Who owns the model, who approved the change, and whether an owner did; empty if neither is
    known."""
    parts: Sentence = []
    if model.owners:
        owners = first_few([f"`{owner}`" for owner in model.owners], _MOST_NAMED)
        parts.append(Part(f"owned by {owners}"))
    approvers = model.approvers
    if approvers is not None:
        names = first_few([f"`{person}`" for person in approvers.by], _MOST_NAMED)
        no_approver = "nobody yet" if plan.onto is not None else "nobody"
        parts.append(Part(f"approved by {names if approvers.by else no_approver}"))
        if approvers.pull_request is not None and plan.links is not None:
            number = approvers.pull_request
            parts.append(Part(f"pull request {number}", plan.links.of_pull_request(number)))
        if model.owners and approvers.by:
            parts.append(Part(_OWNER_WORDS[has_owner_approved(model.owners, approvers.by)]))
    return list(_separated(parts, "; "))


_OWNER_WORDS = {
    True: "an owner approved",
    False: "no owner approved",
    None: "whether a team approved is not known here",
}


def next_step(model: ModelPlan, outlook: Outlook, plan: Plan) -> str | None:
    """What will happen to a model; None if the verdicts say it all."""
    begin = "After the merge, reconcile" if plan.onto is not None else "Reconcile"
    match outlook:
        case "apply":
            return f"{begin} applies it."
        case "heal":
            return "The next reconcile puts back what git says, with this change or without it."
        case "waiting" if model.deferred:
            until = format_minute(model.deferred)
            return f"{begin} waits until {until} UTC; then its next run applies it."
        case "waiting" if plan.onto is not None:
            return (
                "After the merge, reconcile applies it if the approvals are there by then, and"
                " refuses it otherwise."
            )
        case "refused" if plan.onto is not None:
            return "If this is merged as it is, reconcile refuses it, and MLflow keeps what it has."
    return None
