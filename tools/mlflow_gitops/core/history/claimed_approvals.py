"""The approvals that commit messages claim, for a policy that believes them (`from: message`, RULES
R3)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from mlflow_gitops.core.gates.change_approvals import Approvals
from mlflow_gitops.core.history.approvals import co_authors
from mlflow_gitops.core.history.trailers import trailers

_MAIL = re.compile(r"<([^<>\s]+)>")


@dataclass(frozen=True, slots=True)
class CommitMessage:
    """A commit's message and the people who made the commit (`Name <email>`)."""

    author: str
    committer: str
    message: str


def claimed(commits: Iterable[CommitMessage]) -> Approvals:
    """Return the approvals that the `Approved-by:` lines of a change's commits claim.

    The policy asks for them with `from: message`.

    Nobody has verified these lines. A line that names an author, co-author or committer of these
    commits does not count.
    """
    commits = list(commits)
    makers_of_it = {
        _identity(who)
        for commit in commits
        for who in (commit.author, commit.committer, *co_authors(commit.message))
    }

    counted: dict[str, str] = {}
    took_part: dict[str, str] = {}
    for commit in commits:
        for key, value in trailers(commit.message):
            if key == "approved-by":
                identity = _identity(value)
                people = took_part if identity in makers_of_it else counted
                people.setdefault(identity, value)

    reasons = [f"{who} took part in making it" for who in took_part.values()]
    if not counted and reasons:
        reasons.append("no other Approved-by: line")
    elif not counted:
        reasons.append("no message has an Approved-by: line")
    return Approvals(tuple(counted.values()), tuple(reasons))


def _identity(who: str) -> str:
    """What identifies a person: the address if there is one, else the name as written."""
    mails = _MAIL.findall(who)
    return str(mails[-1] if mails else who.strip()).lower()
