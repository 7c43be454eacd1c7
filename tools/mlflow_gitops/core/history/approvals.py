"""Who approved a change: the rule, applied to facts from the forge or from git (RULES R3).

A review counts if it is that person's latest, approves, and was not dismissed. The person must have
write permission and must not have taken part in making the pull request, and the review must have
been given for this manifest as it was merged.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from mlflow_gitops.core.gates.change_approvals import (
    Approvals,
    CountedReview,
    Participant,
    PullRequestMessage,
)
from mlflow_gitops.core.history.mainline import Commit
from mlflow_gitops.core.history.people import RecordedPeople
from mlflow_gitops.core.history.trailers import trailers
from mlflow_gitops.core.times import parse_time

_WRITERS = frozenset({"admin", "maintain", "write"})
# GitHub.com, an Enterprise Server (users.noreply.HOST) and GHE.com (users.noreply.SUB.ghe.com).
_NOREPLY = re.compile(r"^(?:\d+\+)?([^@+]+)@users\.noreply\.[^@\s]+$", re.IGNORECASE)
_MAIL = re.compile(r"<([^<>\s]+)>")


@dataclass(frozen=True, slots=True)
class Review:
    """One review of a pull request.

    `author` is a login, None if the account no longer exists. `commit` is the head that it was
    given for. `state` is APPROVED, CHANGES_REQUESTED, COMMENTED or DISMISSED. `id` and `author_id`
    are the forge's numbers of the review and of the person; `at` is its time, RFC 3339 in UTC.
    """

    author: str | None
    state: str
    commit: str | None
    id: int | None = None
    author_id: int | None = None
    at: str | None = None


@dataclass(frozen=True, slots=True)
class Reviewer:
    """The account of a reviewer. `permission` is its role in the repository: admin, maintain,
    write, triage, read or none. `mails` are its public addresses, in lower case. `exists` is false
    if the forge does not find the account: it was deleted, renamed or suspended."""

    is_person: bool
    permission: str
    mails: frozenset[str] = frozenset()
    exists: bool = True


@dataclass(frozen=True, slots=True)
class MessageOfCommit:
    """The message of one commit of a pull request. `author` is `@login`, or `Name <email>` as the
    commit claims."""

    sha: str
    author: str
    text: str


@dataclass(frozen=True, slots=True)
class ReviewedPullRequest:
    """What the rule needs to know about a pull request.

    `head` is the head that was merged or, while it is open, the present one. `makers` maps a login
    or an address, in lower case, to that person's part in it. `reviews` are oldest first.
    `merged_at` is RFC 3339 in UTC. `bot` is the bot that opened it or committed to it, if it is not
    the configured app. `messages` are those of its commits, oldest first. `participants` are the
    accounts that opened, pushed and merged it.
    """

    number: int
    head: str
    opened_by: str | None = None
    makers: Mapping[str, str] = field(default_factory=dict)
    dispatched_by: frozenset[str] = frozenset()
    reviews: tuple[Review, ...] = ()
    merged_by: str | None = None
    merged_at: str | None = None
    bot: str | None = None
    messages: tuple[MessageOfCommit, ...] = ()
    participants: tuple[Participant, ...] = ()


def approvals(
    pull: ReviewedPullRequest,
    reviewer: Callable[[str], Reviewer],
    blob: Callable[[str], str | None],
) -> Approvals:
    """Return whose approval of a pull request counts for one manifest, and why others do not.

    `reviewer` returns the account of a login; `blob` returns the manifest's blob id at a commit,
    None if it is missing. Both may make requests, so they are called only if the result depends on
    them.
    """
    counted, not_counted = [], []
    for login, review in _latest(pull.reviews).items():
        reason = _why_not(review, login, pull, reviewer, blob)
        if reason is None:
            counted.append(review)
        else:
            not_counted.append(f"@{login} {reason}")

    # An objection matters only beside an approval that would count.
    objections = [
        f"@{login}"
        for login, review in _latest(pull.reviews).items()
        if counted and review.state == "CHANGES_REQUESTED" and _is_writer(reviewer(login))
    ]
    if not counted and not not_counted:
        not_counted.append(f"nobody has reviewed #{pull.number}")
    return Approvals(
        tuple(f"@{review.author}" for review in counted),
        tuple(not_counted),
        pull.number,
        pull.merged_by,
        objections=tuple(objections),
        bot=pull.bot,
        messages=_messages(pull, counted),
        participants=pull.participants,
        reviews=tuple(
            CountedReview(
                f"@{review.author}", review.id, review.author_id, review.commit, review.at
            )
            for review in counted
        ),
    )


def _messages(
    pull: ReviewedPullRequest, counted: Iterable[Review]
) -> tuple[PullRequestMessage, ...]:
    """The messages of a pull request's commits, with the people whose approvals were given to a
    head which had the commit. A head that is no longer part of the pull request has none of them.
    """
    positions = {message.sha: position for position, message in enumerate(pull.messages)}
    approved = [(f"@{review.author}", positions.get(review.commit or "", -1)) for review in counted]
    return tuple(
        PullRequestMessage(
            message.text,
            message.author,
            tuple(by for by, head in approved if head >= position),
        )
        for position, message in enumerate(pull.messages)
    )


def recorded_people(commit: Commit, approved: Approvals | None) -> RecordedPeople:
    """Return what a receipt records about a making commit.

    Without approvals from the forge, the pull request's number is the one that the message claims.
    """
    if approved is None:
        return RecordedPeople(commit.pull_request, "message")
    return RecordedPeople(
        approved.pull_request,
        "api",
        approved.merged_by,
        approved.by,
        approved.reviews,
        approved.participants,
    )


def _latest(reviews: Iterable[Review]) -> dict[str, Review]:
    """Each person's latest review. A comment is no verdict and leaves the earlier review in force,
    as GitHub has it."""
    latest: dict[str, Review] = {}
    for review in reviews:
        if review.author is not None and review.state != "COMMENTED":
            latest[review.author] = review
    return latest


def _why_not(
    review: Review,
    login: str,
    pull: ReviewedPullRequest,
    reviewer: Callable[[str], Reviewer],
    blob: Callable[[str], str | None],
) -> str | None:
    """Why a review does not count; None if it does. Reasons that need no request come first."""
    return (
        _not_approving(review)
        or _too_late(review, pull)
        or _took_part(login, pull)
        or _not_entitled(reviewer(login), pull)
        or _outdated(review, pull, blob)
    )


def _not_approving(review: Review) -> str | None:
    if review.state == "APPROVED":
        return None
    if review.state == "CHANGES_REQUESTED":
        return "asks for changes"
    if review.state == "DISMISSED":
        return "has given a review that was dismissed"
    return f"has not approved ({review.state.lower()})"


def _too_late(review: Review, pull: ReviewedPullRequest) -> str | None:
    """An approval precedes the merge. A review whose time the forge does not give is not late."""
    if pull.merged_at is None or review.at is None:
        return None
    is_late = parse_time(review.at) > parse_time(pull.merged_at)
    return "approved it after it was merged" if is_late else None


def _is_writer(account: Reviewer) -> bool:
    return account.is_person and account.permission in _WRITERS


def _took_part(login: str, pull: ReviewedPullRequest) -> str | None:
    key = login.lower()
    if pull.opened_by is not None and pull.opened_by.lower() == key:
        return "opened the pull request"
    if key in pull.makers:
        return pull.makers[key]
    if key in pull.dispatched_by:
        return "started the workflow that opened it"
    return None


def _not_entitled(account: Reviewer, pull: ReviewedPullRequest) -> str | None:
    if not account.exists:
        return "has an account that the forge no longer finds"
    if not account.is_person:
        return "is no person"
    if account.permission not in _WRITERS:
        return f"has no write permission ({account.permission})"
    parts = (pull.makers.get(mail) for mail in sorted(account.mails))
    return next((part for part in parts if part is not None), None)


def _outdated(
    review: Review, pull: ReviewedPullRequest, blob: Callable[[str], str | None]
) -> str | None:
    if review.commit == pull.head:
        return None
    reviewed = blob(review.commit) if review.commit else None
    if reviewed is None or reviewed != blob(pull.head):
        return "approved an older version of this manifest"
    return None


def makers(commits: Iterable[tuple[Iterable[str], Iterable[str], str]]) -> dict[str, str]:
    """Return who made the commits of a pull request, by login and by address, and their part in it.

    Each commit is a tuple: the logins and addresses of its author, those of its committer, and its
    message.
    """
    parts: dict[str, str] = {}
    for author, committer, message in commits:
        co_author_mails = (mail for who in co_authors(message) for mail in _MAIL.findall(who))
        for names, part in (
            (author, "is an author of it"),
            (committer, "committed to it"),
            (co_author_mails, "is a co-author of it"),
        ):
            for name in _lower_case_names(names):
                parts.setdefault(name, part)
    return parts


def co_authors(message: str) -> Iterator[str]:
    """Yield the people of the `Co-authored-by:` lines, `Name <email>`, anywhere in a message."""
    yield from (value for key, value in trailers(message) if key == "co-authored-by")


def _lower_case_names(names: Iterable[str]) -> Iterator[str]:
    """Logins and addresses in lower case, and the login that a noreply address contains."""
    for name in names:
        yield name.lower()
        if noreply := _NOREPLY.match(name):
            yield noreply.group(1).lower()
