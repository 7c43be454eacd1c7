"""Who approved a change: the rule, on facts that GitHub or git told (RULES R3).

An approval counts if it is that person's latest review, approving, not dismissed, by a person with
write permission who had no part in making the pull request, and was given for this manifest as it
was merged.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from mlflow_gitops.core.gates.approvals import Approvals
from mlflow_gitops.core.history.mainline import Commit
from mlflow_gitops.core.history.people import Vouched

_WRITERS = frozenset({"admin", "maintain", "write"})
_NOREPLY = re.compile(r"^(?:\d+\+)?([^@+]+)@users\.noreply\.github\.com$", re.IGNORECASE)
_LINE = r"^[ \t]*(?:[*-][ \t]+)?{}:[ \t]*(?P<who>[^\r\n]+?)[ \t]*$"
_APPROVED = re.compile(_LINE.format("Approved-by"), re.MULTILINE | re.IGNORECASE)
_CO_AUTHOR = re.compile(_LINE.format("Co-authored-by"), re.MULTILINE | re.IGNORECASE)
_MAIL = re.compile(r"<([^<>\s]+)>")


@dataclass(frozen=True, slots=True)
class Review:
    """One review of a pull request. `author` is a login, None where the account is gone; `commit`
    the head that it was given for; `state` is GitHub's: APPROVED, CHANGES_REQUESTED, COMMENTED,
    DISMISSED."""

    author: str | None
    state: str
    commit: str | None


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Somebody who gave a review. `permission` is GitHub's word for what they may do in the
    repository; `mails` are the addresses that GitHub shows of them, in lower case."""

    person: bool
    permission: str
    mails: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request. `head` is its head as merged, or its present one. `makers` maps a login or an
    address, in lower case, to what that one did in it. `reviews` are oldest first."""

    number: int
    head: str
    opened_by: str | None = None
    makers: Mapping[str, str] = field(default_factory=dict)
    dispatched_by: frozenset[str] = frozenset()
    reviews: tuple[Review, ...] = ()
    merged_by: str | None = None


def approvals(
    pull: PullRequest, reviewer: Callable[[str], Reviewer], blob: Callable[[str], str | None]
) -> Approvals:
    """Whose approval of a pull request counts for one manifest, and why the others' do not.

    `reviewer` tells of a login, `blob` gives the manifest's blob id at a commit, None where there
    is none; both are asked only where it matters.
    """
    counted, against = [], []
    for login, review in _latest(pull.reviews).items():
        why = _why_not(review, pull, login, reviewer, blob)
        if why is None:
            counted.append(f"@{login}")
        else:
            against.append(f"@{login} {why}")
    if not counted and not against:
        against.append(f"nobody has reviewed #{pull.number}")
    return Approvals(tuple(counted), tuple(against), pull.number, pull.merged_by)


def vouched(commit: Commit, told: Approvals | None) -> Vouched:
    """What a receipt says of a making commit. Where nobody could be asked, the number is what the
    message claims."""
    if told is None:
        return Vouched(commit.pull_request, "message")
    return Vouched(told.pull_request, "api", told.merged_by, told.by)


def _latest(reviews: Iterable[Review]) -> dict[str, Review]:
    """Each one's latest review. A comment is no verdict: as on GitHub, it leaves the one before it
    as it is."""
    latest: dict[str, Review] = {}
    for review in reviews:
        if review.author is not None and review.state != "COMMENTED":
            latest[review.author] = review
    return latest


def _why_not(
    review: Review,
    pull: PullRequest,
    login: str,
    reviewer: Callable[[str], Reviewer],
    blob: Callable[[str], str | None],
) -> str | None:
    """Why a review does not count; None where it does."""
    if review.state == "CHANGES_REQUESTED":
        return "asks for changes"
    if review.state == "DISMISSED":
        return "has given a review that was dismissed"
    if review.state != "APPROVED":
        return f"has not approved ({review.state.lower()})"
    key = login.lower()
    if pull.opened_by is not None and pull.opened_by.lower() == key:
        return "opened the pull request"
    if part := pull.makers.get(key):
        return part
    if key in pull.dispatched_by:
        return "started the workflow that opened it"
    told = reviewer(login)
    if not told.person:
        return "is no person"
    if told.permission not in _WRITERS:
        return f"has no write permission ({told.permission})"
    if part := next(
        (pull.makers[mail] for mail in sorted(told.mails) if mail in pull.makers), None
    ):
        return part
    if review.commit != pull.head:
        then, merged = blob(review.commit) if review.commit else None, blob(pull.head)
        if then is None or then != merged:
            return "approved an older version of this manifest"
    return None


def makers(commits: Iterable[tuple[Iterable[str], Iterable[str], str]]) -> dict[str, str]:
    """Who made the commits of a pull request, by login and by address, and what they did.

    Each commit is: what names its author, what names its committer (logins and addresses), and its
    message.
    """
    made: dict[str, str] = {}
    for author, committer, message in commits:
        for known in _names(author):
            made.setdefault(known, "is an author of it")
        for known in _names(committer):
            made.setdefault(known, "committed to it")
        for known in _names(mail for who in co_authors(message) for mail in _MAIL.findall(who)):
            made.setdefault(known, "is a co-author of it")
    return made


def co_authors(message: str) -> Iterator[str]:
    """The people that a message's `Co-authored-by:` lines name, `Name <email>`, wherever they stand
    in it."""
    yield from (found["who"] for found in _CO_AUTHOR.finditer(message))


def _names(known: Iterable[str]) -> Iterator[str]:
    """Logins and addresses in lower case, and the login that one of GitHub's own addresses stands
    for."""
    for one in known:
        yield one.lower()
        if found := _NOREPLY.match(one):
            yield found.group(1).lower()


@dataclass(frozen=True, slots=True)
class Said:
    """A commit as a witness: who made it (`Name <email>`), and its message."""

    author: str
    committer: str
    message: str


def claimed(commits: Iterable[Said]) -> Approvals:
    """Who approved a change by the `Approved-by:` lines of its commits (policy: `from: message`).

    Nobody has checked these lines. One by an author, co-author or committer of these commits does
    not count.
    """
    said = list(commits)
    own: set[str] = set()
    for one in said:
        own |= {_identity(who) for who in (one.author, one.committer, *co_authors(one.message))}
    counted: dict[str, str] = {}
    against: dict[str, str] = {}
    for one in said:
        for found in _APPROVED.finditer(one.message):
            who, key = found["who"], _identity(found["who"])
            (against if key in own else counted).setdefault(key, who)
    refused = [f"{who} took part in making it" for who in against.values()]
    if not counted:
        refused.append(
            "no other Approved-by: line" if refused else "no message has an Approved-by: line"
        )
    return Approvals(tuple(counted.values()), tuple(refused))


def _identity(who: str) -> str:
    """One person's key: the address where there is one, else the name as written."""
    mails = _MAIL.findall(who)
    return str(mails[-1] if mails else who.strip()).lower()
