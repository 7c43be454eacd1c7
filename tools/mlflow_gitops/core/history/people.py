"""The people behind a change: its authors, who merged it, and who approved it (RULES R7).

A person is `Name <email>`, or `@login` if the e-mail is a noreply address, which a forge uses to
keep the real one private.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal, NamedTuple

from mlflow_gitops.core.history.mainline import Commit
from mlflow_gitops.core.history.trailers import has_trailers, split_person, trailers

if TYPE_CHECKING:
    from mlflow_gitops.core.gates.change_approvals import CountedReview, Part, Participant

ApprovalSource = Literal["receipt", "message"]
PullRequestSource = Literal["api", "message"]
MergerSource = Literal["receipt", "commit"]

# GitHub: 123+login@users.noreply.github.com, older accounts without the number.
# GitLab: 123-login@users.noreply.gitlab…
_PRIVATE = re.compile(r"(?:\d+[+-])?(?P<login>[^@+\s]+)@users\.noreply\.[^@\s]+\Z", re.IGNORECASE)
_FORGES = ("github", "gitlab", "gitea", "forgejo", "bitbucket")


@dataclass(frozen=True, slots=True)
class RecordedPeople:
    """What a receipt records about a making commit, as it was when the commit was reconciled.
    `source` is where the pull request's number is from: the forge's API, or only the message."""

    pull_request: int | None = None
    source: PullRequestSource | None = None
    merged_by: str | None = None
    approved_by: tuple[str, ...] = ()
    reviews: tuple[CountedReview, ...] = ()
    participants: tuple[Participant, ...] = ()


_NO_RECORD = RecordedPeople()


class People(NamedTuple):
    """Everybody behind one change. Sources are None if there is nothing that they could be of.

    `author` and `co_authors` are what the commits claim. `opened_by` and `pushed_by` are accounts
    that the forge named when the commit was reconciled.
    """

    author: str
    co_authors: tuple[str, ...] = ()
    merged_by: str | None = None
    merged_by_source: MergerSource | None = None
    approved_by: tuple[str, ...] = ()
    approved_by_source: ApprovalSource | None = None
    pull_request: int | None = None
    pull_request_source: PullRequestSource | None = None
    opened_by: str | None = None
    pushed_by: tuple[str, ...] = ()


def people_of(
    commit: Commit, merged: Sequence[Commit] | None = None, recorded: RecordedPeople | None = None
) -> People:
    """Return the people behind what a commit of the main line did to one manifest.

    `merged` are the commits that touch the manifest and that a true merge brought in, newest first;
    None if the commit is no true merge. `recorded` is what a receipt records about the commit.
    """
    if not merged and recorded is None and not has_trailers(commit.message):
        return _plain_people(commit, is_merge=merged is not None)
    recorded = recorded or _NO_RECORD
    makers = list(merged or ()) or [commit]
    messages = {maker.sha: maker.message for maker in (commit, *makers)}
    co_authors, claimed_approvals = _trailers(messages.values())
    author, *others = _distinct([*(person(maker.author) for maker in makers), *co_authors])

    approved_by, approval_source = _approvals(recorded, _distinct(claimed_approvals))
    number, number_source = _pull_request(commit, recorded)
    merger_source: MergerSource = "commit"
    if merged is not None:
        merged_by: str | None = person(commit.author)
    else:
        merged_by = recorded.merged_by or _committer(commit.committer)
        merger_source = "receipt" if recorded.merged_by else "commit"
    return People(
        author=author,
        co_authors=tuple(others),
        merged_by=merged_by,
        merged_by_source=merger_source if merged_by else None,
        approved_by=approved_by,
        approved_by_source=approval_source,
        pull_request=number,
        pull_request_source=number_source,
        opened_by=next(iter(_accounts(recorded, "opened")), None),
        pushed_by=_accounts(recorded, "pushed"),
    )


def _plain_people(commit: Commit, *, is_merge: bool) -> People:
    """The people of a commit of which nothing is recorded and whose message names nobody. Most
    commits of a history are such."""
    author = person(commit.author)
    merged_by = author if is_merge else _committer(commit.committer)
    number = commit.pull_request
    return People(
        author,
        merged_by=merged_by,
        merged_by_source="commit" if merged_by else None,
        pull_request=number,
        pull_request_source=None if number is None else "message",
    )


def _accounts(recorded: RecordedPeople, part: Part) -> tuple[str, ...]:
    return tuple(account.by for account in recorded.participants if account.part == part)


def _approvals(
    recorded: RecordedPeople, claimed: Sequence[str]
) -> tuple[tuple[str, ...], ApprovalSource | None]:
    """The approvals that a receipt records; without any, those that messages claim."""
    if recorded.source == "api" or recorded.approved_by:
        return recorded.approved_by, "receipt"
    return tuple(claimed), "message" if claimed else None


def _pull_request(
    commit: Commit, recorded: RecordedPeople
) -> tuple[int | None, PullRequestSource | None]:
    """The number that the forge confirmed; without one, the number that the message claims."""
    if recorded.source == "api":
        number = recorded.pull_request
        return number, None if number is None else "api"
    number = commit.pull_request
    return number, None if number is None else "message"


def _trailers(messages: Iterable[str]) -> tuple[list[str], list[str]]:
    """The people of `Co-authored-by:` lines, and those of approvals and reviews."""
    co_authors: list[str] = []
    approvals: list[str] = []
    for message in messages:
        for key, value in trailers(message):
            people = co_authors if key == "co-authored-by" else approvals
            people.append(person(value))
    return co_authors, approvals


@cache
def person(text: str) -> str:
    """Return `@login` for a noreply address of a forge, else `Name <email>` in one form."""
    parts = split_person(text)
    if parts is None:
        return " ".join(text.split())
    name, mail = parts[0], parts[1].strip()
    private = _PRIVATE.match(mail)
    return f"@{private['login']}" if private else f"{name} <{mail}>".strip()


@cache
def _committer(committer: str) -> str | None:
    """The person who committed; None for the forge itself, which commits what people merge on its
    pages."""
    parts = split_person(committer)
    is_forge = (
        parts is not None
        and parts[1].lower().startswith("noreply@")
        and parts[0].lower().startswith(_FORGES)
    )
    return None if is_forge else person(committer) or None


def _distinct(people: Sequence[str]) -> Sequence[str]:
    """Each person once, in order. The same address, or the same login, is the same person."""
    if len(people) < 2:
        return people
    first: dict[str, str] = {}
    for name in people:
        first.setdefault(_key(name), name)
    return list(first.values())


def _key(name: str) -> str:
    parts = split_person(name)
    return parts[1].lower() if parts and parts[1] else name.lower()
