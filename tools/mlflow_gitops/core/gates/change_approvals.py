"""What is known of the approvals of a change: who reviewed it, what they saw, and who made it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What the manifest says at the head that was approved: its stages, its aliases, and the
    identity of each version that it pins."""

    stages: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    aliases: Mapping[str, int] = field(default_factory=dict)
    pins: Mapping[int, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CountedReview:
    """One review that counts, as a receipt records it: its number, the person's login and numeric
    id, the head that it was given for, and its time (RFC 3339). What the forge does not know is
    None."""

    by: str
    id: int | None = None
    by_id: int | None = None
    commit: str | None = None
    at: str | None = None


Part = Literal["opened", "pushed", "merged"]


@dataclass(frozen=True, slots=True)
class Participant:
    """An account that had a part in a pull request, as the forge knows it and no commit can claim:
    its `@login` and its numeric id (None if the forge gives none)."""

    part: Part
    by: str
    by_id: int | None = None


@dataclass(frozen=True, slots=True)
class PullRequestMessage:
    """The message of one commit of a pull request, who wrote it (`@login`, or `Name <email>` as the
    commit claims), and the people whose approval counts and was given to a head with this commit.
    """

    text: str
    author: str
    approved_by: tuple[str, ...]


TeamMembers = Callable[[str], Collection[str]]
"""For `@organization/team`: the logins of its members, in lower case. Raises Unreadable."""


def _no_members(team: str) -> Collection[str]:
    """Without a forge, a team has no members."""
    return ()


@dataclass(frozen=True, slots=True)
class Approvals:
    """What is known of a change's approvals.

    `by` are the people whose approval counts: `@login`, or `Name <email>` if messages are believed.
    `not_counted` gives, for each other review or for the change itself, why it does not count.
    `pull_request` is None if none made the change. `reviewed` is what the manifest says at the head
    that was merged, if the file differs now; None if it is the same. `objections` are the people
    with write permission whose latest review requests changes. `bot` is the bot that opened the
    pull request or committed to it, if it is not the configured app. `messages` are those of the
    pull request's commits. `team_members` asks the forge for the members of a team.
    `participants` opened, pushed and merged the pull request.
    """

    by: tuple[str, ...] = ()
    not_counted: tuple[str, ...] = ()
    pull_request: int | None = None
    merged_by: str | None = None
    reviewed: Reviewed | None = None
    objections: tuple[str, ...] = ()
    bot: str | None = None
    team_members: TeamMembers = field(default=_no_members, compare=False, repr=False)
    messages: tuple[PullRequestMessage, ...] = field(default=(), compare=False)
    reviews: tuple[CountedReview, ...] = field(default=(), compare=False)
    participants: tuple[Participant, ...] = field(default=(), compare=False)
