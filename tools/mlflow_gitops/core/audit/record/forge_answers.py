"""What receipts say about CI runs and pull requests, compared with what the forge says (RULES
R7)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mlflow_gitops.core.audit.receipts import Receipt
from mlflow_gitops.core.history.approvals import ReviewedPullRequest
from mlflow_gitops.core.history.people import RecordedPeople
from mlflow_gitops.core.times import parse_time

_SLACK_SECONDS = 15 * 60
_APPROVING = frozenset({"APPROVED", "DISMISSED"})
"""A review that was dismissed later counted when the change was applied."""


@dataclass(frozen=True, slots=True)
class ForgeRun:
    """A CI run as the forge knows it. `actors` are the logins that started it, or started it again;
    `ended` is None while it goes on. Times are RFC 3339."""

    event: str
    actors: tuple[str, ...]
    branch: str | None
    began: str
    ended: str | None


def named_run(receipt: Receipt) -> dict[str, str]:
    """The run that a receipt names: `url`, `event` and `actor`, as far as they are there."""
    run = receipt.content.get("run")
    facts = run if isinstance(run, dict) else {}
    return {key: text for key, text in facts.items() if isinstance(text, str)}


def named_people(receipt: Receipt) -> Iterator[tuple[str, str, RecordedPeople]]:
    """Model, making commit, and the people that the forge is said to have named."""
    for recorded in receipt.models():
        for commit, people in recorded.vouched():
            if people.source == "api" and (people.pull_request or people.approved_by):
                yield recorded.model, commit, people


def run_faults(receipt: Receipt, run: ForgeRun | None, main_branch: str) -> Iterator[str]:
    """What of a receipt differs from the run that it names; None: the forge has no such run."""
    run_facts = named_run(receipt)
    if run is None:
        yield f"the forge has no run {run_facts['url']}"
        return
    if run_facts.get("event") != run.event:
        yield f"its run is said to be of {run_facts.get('event')}, and the forge says {run.event}"
    actor = run_facts.get("actor")
    if actor is not None and actor.lower() not in {login.lower() for login in run.actors}:
        yield f"@{actor} is said to have started its run, and the forge names {_logins(run.actors)}"
    if run.branch not in (None, main_branch):
        yield f"its run was on the branch {run.branch}"

    at = parse_time(receipt.at).timestamp()
    ended = parse_time(run.ended).timestamp() if run.ended else at
    began = parse_time(run.began).timestamp()
    if not began - _SLACK_SECONDS <= at <= ended + _SLACK_SECONDS:
        yield f"its run went on from {run.began} to {run.ended or 'now'}"


def people_faults(
    commit: str, people: RecordedPeople, pull: ReviewedPullRequest | None
) -> Iterator[str]:
    """What of the recorded people differs from the pull request that made a commit; None: the forge
    knows of none."""
    if pull is None:
        yield f"the forge knows no pull request that made {commit[:12]}"
        return
    if people.pull_request != pull.number:
        yield f"the forge says that #{pull.number} made {commit[:12]}, not #{people.pull_request}"

    reviewers = {review.author for review in pull.reviews if review.state in _APPROVING}
    if None in reviewers:
        return  # an account that was deleted since then may be anybody's
    approved = {f"@{login}".lower() for login in reviewers}
    unknown = [name for name in people.approved_by if name.lower() not in approved]
    if unknown:
        yield f"the forge has no approval of {', '.join(unknown)} in #{pull.number}"


def _logins(logins: Sequence[str]) -> str:
    return ", ".join(f"@{login}" for login in logins) or "nobody"
