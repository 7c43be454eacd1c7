"""Who stands behind a change: authors, who merged it, who is said to have approved it (RULES R7).

People are `Name <email>`, or `@login` where the e-mail is one that a forge made up to keep the real
one private.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from mlflow_gitops.core.history.mainline import Commit

ApprovalSource = Literal["receipt", "message"]
RequestSource = Literal["api", "message"]

# Any line, since squashing buries trailers in the body, often as a list.
_TRAILER = re.compile(
    r"^[ \t]*(?:[*-][ \t]+)?(?P<key>Co-authored-by|Approved-by|Reviewed-by):["
    r" \t]*(?P<who>[^\r\n]*?)[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)
_PERSON = re.compile(r"\s*(?P<name>[^<>]*?)\s*<(?P<mail>[^<>]*)>\s*\Z")
# GitHub: 123+login@users.noreply.github.com, older accounts without the number; GitLab:
# 123-login@users.noreply.gitlab…
_PRIVATE = re.compile(r"(?:\d+[+-])?(?P<login>[^@+\s]+)@users\.noreply\.[^@\s]+\Z", re.IGNORECASE)
_FORGES = ("github", "gitlab", "gitea", "forgejo", "bitbucket")


@dataclass(frozen=True, slots=True)
class Vouched:
    """What a receipt says of a making commit: looked up when it was reconciled. `source` is where
    the pull request's number is from: a forge's API, or the commit's message alone."""

    pull_request: int | None = None
    source: RequestSource | None = None
    merged_by: str | None = None
    approved_by: tuple[str, ...] = ()


_NOTHING = Vouched()


@dataclass(frozen=True, slots=True)
class People:
    """Everybody who is known to stand behind one change."""

    author: str
    co_authors: tuple[str, ...] = ()
    merged_by: str | None = None
    approved_by: tuple[str, ...] = ()
    approved_by_source: ApprovalSource | None = None
    pull_request: int | None = None
    pull_request_source: RequestSource | None = None


def people(
    commit: Commit, merged: Sequence[Commit] | None = None, vouched: Vouched | None = None
) -> People:
    """The people behind what a commit of the main line did to one manifest.

    `merged` are the commits that touch the manifest and that a true merge brought in, the newest
    first; None where the commit is no true merge. `vouched` is what a receipt says of the commit.
    """
    told = vouched or _NOTHING
    made = list(merged or ()) or [commit]
    author, *others = _once([person(one.author) for one in made])
    said = [
        line
        for one in {one.sha: one for one in (commit, *made)}.values()
        for line in _trailers(one.message)
    ]
    others += [
        person(line["who"])
        for line in said
        if line["key"].lower() == "co-authored-by" and line["who"]
    ]
    claims = _once(
        [
            person(line["who"])
            for line in said
            if line["key"].lower() != "co-authored-by" and line["who"]
        ]
    )
    looked_up = told.source == "api" or bool(told.approved_by)
    number = told.pull_request if told.source == "api" else commit.pull_request
    return People(
        author=author,
        co_authors=tuple(_once([author, *others])[1:]),
        merged_by=(
            person(commit.author)
            if merged is not None
            else told.merged_by or _committer(commit.committer)
        ),
        approved_by=told.approved_by if looked_up else tuple(claims),
        approved_by_source="receipt" if looked_up else "message" if claims else None,
        pull_request=number,
        pull_request_source=(
            None if number is None else "api" if told.source == "api" else "message"
        ),
    )


def _trailers(message: str) -> Iterable[re.Match[str]]:
    return _TRAILER.finditer(message) if "-by:" in message or "-BY:" in message.upper() else ()


@cache
def person(text: str) -> str:
    """`@login` for somebody whose e-mail is a forge's stand-in, else the text in one form: `Name
    <email>`."""
    found = _PERSON.match(text)
    if found is None:
        return " ".join(text.split())
    private = _PRIVATE.match(found["mail"].strip())
    return (
        f"@{private['login']}" if private else f"{found['name']} <{found['mail'].strip()}>".strip()
    )


@cache
def _committer(committer: str) -> str | None:
    """Who put a commit there; None for the forge itself, which commits what people merge on its
    pages."""
    found = _PERSON.match(committer)
    if (
        found
        and found["mail"].lower().startswith("noreply@")
        and found["name"].lower().startswith(_FORGES)
    ):
        return None
    return person(committer) or None


def _once(people: Sequence[str]) -> Sequence[str]:
    """Each person once, in order: the same address, or the same login, is the same person."""
    if len(people) < 2:
        return people
    first: dict[str, str] = {}
    for one in people:
        first.setdefault(_key(one), one)
    return list(first.values())


def _key(one: str) -> str:
    found = _PERSON.match(one)
    return found["mail"].lower() if found and found["mail"] else one.lower()
