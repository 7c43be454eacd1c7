"""The way back (RULES R14): what is to be done about a version that holds a stage, by its health
and by what was done about it before.

Everything that is known of earlier runs is on the forge: one open pull request for each stage of a
model, which names the version and its entry, and one open issue. So runs need no memory of their
own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from mlflow_gitops.core.health.verdict import HealthVerdict

StepKind = Literal["propose", "withdraw", "report", "close", "none"]
"""`propose` opens the pull request or brings it up to date, `withdraw` closes it. `report` opens
the issue or brings it up to date, `close` closes it. `none` leaves both as they are."""

_MARKER = re.compile(
    r"<!-- mlflow-gitops:health (?P<version>[1-9][0-9]{0,9}) (?P<entered>[0-9TZ:.+-]{10,40}) -->"
)


class WatchedEntry(NamedTuple):
    """One version's entry into a stage. `entered` is when a reconcile put it there, as the receipt
    has it: if it leaves and comes back, that is another entry."""

    version: int
    entered: str

    @property
    def marker_key(self) -> str:
        """The key of the marker in the text of the pull request that is about this entry."""
        return f"health {self.version} {self.entered}"


def entry_in(body: str) -> WatchedEntry | None:
    """The entry that a pull request is about, by the marker that its text begins with; None if it
    begins otherwise."""
    marker = _MARKER.match(body)
    return WatchedEntry(int(marker["version"]), marker["entered"]) if marker else None


def without_marker(body: str) -> str:
    """The text of a pull request that is closed although nobody decided about it."""
    return _MARKER.sub("", body, count=1).lstrip("\n")


@dataclass(frozen=True, slots=True)
class EarlierHolder:
    """A version that a stage can be rolled back to: its window there ended well. `verdict` is that
    of the end of its window; None if only a receipt says so (`evidence`)."""

    versions: tuple[int, ...]
    evidence: str
    verdict: HealthVerdict | None = None


@dataclass(frozen=True, slots=True)
class StageSituation:
    """What is known of one stage of one model when a run looks.

    `verdict` is that of the version that the stage serves, by git and by the receipts; None if the
    two differ, if no version holds the stage, or if the policy asks for no health there.
    `proposed` is the entry that our open pull request is about. `decided` are the entries whose
    pull requests people closed or merged. `has_issue` says whether our issue is open.
    """

    model: str
    stage: str
    verdict: HealthVerdict | None
    proposed: WatchedEntry | None = None
    decided: Collection[WatchedEntry] = ()
    has_issue: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do, and why. `target` is where a proposal rolls back to."""

    kind: StepKind
    reason: str
    target: EarlierHolder | None = None


def entry_of(verdict: HealthVerdict) -> WatchedEntry:
    """The entry that a verdict is about."""
    return WatchedEntry(verdict.version, verdict.entered)


def steps(
    situation: StageSituation, find_target: Callable[[HealthVerdict], EarlierHolder | None]
) -> list[Step]:
    """What to do about one stage, in this order. `find_target` looks for the last version whose
    window ended well; it is called only if a rollback is to be proposed.

    Missing data and incomplete windows change nothing: neither do they propose a rollback, nor do
    they withdraw one.
    """
    return list(_steps(situation, find_target)) or [Step("none", _idle_reason(situation))]


def _steps(
    situation: StageSituation, find_target: Callable[[HealthVerdict], EarlierHolder | None]
) -> Iterator[Step]:
    verdict = situation.verdict
    proposed = situation.proposed
    if verdict is None:
        yield from _ended(situation, f"Nothing is watched in {situation.stage} now.")
        return

    if proposed is not None and proposed != entry_of(verdict):
        yield Step("withdraw", f"Version {proposed.version} holds {situation.stage} no longer.")
        proposed = None
    if verdict.state == "healthy":
        yield from _ended(situation, f"Version {verdict.version} is healthy: {verdict.reason}")
    elif verdict.state == "unhealthy" and verdict.on_failure == "report":
        if proposed is not None:
            yield Step("withdraw", "The policy asks for reports and no proposals now.")
        yield Step("report", verdict.reason)
    elif verdict.state == "unhealthy" and entry_of(verdict) not in situation.decided:
        yield from _way_back(situation, verdict, proposed, find_target)


def _way_back(
    situation: StageSituation,
    verdict: HealthVerdict,
    proposed: WatchedEntry | None,
    find_target: Callable[[HealthVerdict], EarlierHolder | None],
) -> Iterator[Step]:
    target = find_target(verdict)
    if target is not None:
        yield Step("propose", verdict.reason, target)
        if situation.has_issue:
            yield Step("close", "There is a version to roll back to now.")
        return

    nothing_left = f"No version is left that {situation.stage} can be rolled back to."
    if proposed is not None:
        yield Step("withdraw", nothing_left)
    yield Step("report", f"{verdict.reason} {nothing_left}")


def _ended(situation: StageSituation, reason: str) -> Iterator[Step]:
    """There is nothing to do any more about what was proposed and reported."""
    proposed, verdict = situation.proposed, situation.verdict
    if proposed is not None and (verdict is None or proposed == entry_of(verdict)):
        yield Step("withdraw", reason)
    if situation.has_issue:
        yield Step("close", reason)


def _idle_reason(situation: StageSituation) -> str:
    verdict = situation.verdict
    if verdict is None:
        return f"Nothing is watched in {situation.stage} now."
    if verdict.state == "unhealthy":
        return (
            f"{verdict.reason} A pull request for this was closed or merged, so none is opened"
            f" again while version {verdict.version} holds {situation.stage}."
        )
    return verdict.reason
