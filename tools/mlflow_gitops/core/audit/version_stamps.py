"""Stamps of versions and `gitops.at`, compared with git and receipts (RULES R6).

Anyone with EDIT can write a tag such as `gitops.approved_by`, and `copy_model_version` copies it,
so a stamp is right only if it says what git and the receipts say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mlflow_gitops.core.audit.ledger import AppliedRun
from mlflow_gitops.core.history.mainline import Commit, Point
from mlflow_gitops.core.history.people import RecordedPeople
from mlflow_gitops.core.observed.model import (
    APPROVED_TAG,
    AT_TAG,
    AUTHOR_TAG,
    BASE_TAG,
    PR_TAG,
    ObservedModel,
)
from mlflow_gitops.core.plan.stamps import claimed_number
from mlflow_gitops.core.times import format_datetime, is_stamped_between, parse_time

KEYS = (BASE_TAG, AUTHOR_TAG, PR_TAG, APPROVED_TAG)

Stamps = Mapping[str, str]
PeopleOf = Callable[[str], Sequence[RecordedPeople]]
"""For a making commit: what receipts record about the people behind it, oldest first."""


@dataclass(frozen=True, slots=True)
class WrongStamp:
    """A stamp that differs from git and the receipts. `version` is None for the model's own;
    `right` is None if there should be none."""

    version: int | None
    key: str
    actual: str | None
    right: str | None

    @property
    def fault(self) -> str:
        """What is wrong, for people."""
        actual_text = (
            f"{self.key} says {self.actual}" if self.actual is not None else f"no {self.key}"
        )
        return f"{actual_text}, and git and the receipts {self.right or 'nothing'}"


def placing_commits(points: Sequence[Point]) -> dict[int, Commit]:
    """Every version that ever held a stage, and the newest commit that changed its stages. `points`
    are the model's states along the line."""
    placed_by: dict[int, Commit] = {}
    before: Mapping[int, tuple[str, ...]] = {}
    for point in points:
        state = point.desired
        versions = {*state.native_stages, *state.custom_stages} if state else set()
        now = {version: state.stages_of(version) for version in versions} if state else {}
        for version in {*before, *now}:
            if point.commit is not None and before.get(version) != now.get(version):
                placed_by[version] = point.commit
        before = now
    return placed_by


def right_stamps(commit: Commit, people: Sequence[RecordedPeople]) -> list[Stamps]:
    """The stamps that a version may have if a commit last changed its stages. The last ones are
    those to write: several only if several runs asked the forge, or one could not."""
    of_commit = {BASE_TAG: commit.sha, AUTHOR_TAG: commit.author}
    claimed = _claimed(commit.pull_request)
    confirmed = [
        {
            **({PR_TAG: str(recorded.pull_request)} if recorded.pull_request else {}),
            **({APPROVED_TAG: ", ".join(recorded.approved_by)} if recorded.approved_by else {}),
        }
        for recorded in people
        if recorded.source == "api"
    ]
    is_confirmed_by_all = bool(people) and len(confirmed) == len(people)
    options = confirmed if is_confirmed_by_all else [*claimed, *confirmed]
    return [{**of_commit, **option} for option in options]


def _claimed(number: int | None) -> list[Stamps]:
    """The stamps of a pull request that no forge confirmed. Earlier versions did not mark them."""
    if number is None:
        return [{}]
    return [{PR_TAG: str(number)}, {PR_TAG: claimed_number(number)}]


def wrong_version_stamps(
    points: Sequence[Point], observed: ObservedModel, people_of: PeopleOf, *, is_recovered: bool
) -> Iterator[WrongStamp]:
    """The stamps of versions that differ. `is_recovered`: a receipt was recovered in a format that
    names no people, so that what the forge said is not known."""
    placed_by = placing_commits(points)
    for number, version in sorted(observed.versions.items()):
        actual = {key: version.tags[key] for key in KEYS if key in version.tags}
        commit = placed_by.get(number)
        if commit is None:
            options: list[Stamps] = [{}]
        else:
            people = people_of(commit.sha)
            options = right_stamps(commit, people)
            if is_recovered and not people:
                unknown = {key: actual[key] for key in (PR_TAG, APPROVED_TAG) if key in actual}
                options = [{**options[-1], **unknown}]
            if not actual and not _holds_a_stage(points, number):
                continue  # it may have been registered after it left
        if actual not in options:
            yield from _differences(number, actual, options[-1])


def _holds_a_stage(points: Sequence[Point], version: int) -> bool:
    last = points[-1].desired if points else None
    return last is not None and bool(last.stages_of(version))


def _differences(number: int, actual: Stamps, right: Stamps) -> Iterator[WrongStamp]:
    for key in KEYS:
        if actual.get(key) != right.get(key):
            yield WrongStamp(number, key, actual.get(key), right.get(key))


def wrong_time(
    observed: ObservedModel, runs: Sequence[AppliedRun], index: int, committed_at: str
) -> WrongStamp | None:
    """What is wrong with the model's `gitops.at`: it must be within a run that applied it to its
    base, or later. `index` is the base's on the line, `committed_at` its time."""
    actual = observed.tags.get(AT_TAG)
    candidates = [run for run in runs if run.index >= index]
    if not candidates or any(
        is_stamped_between(actual or "", run.receipt.began or committed_at, run.at)
        for run in candidates
    ):
        return None
    return WrongStamp(None, AT_TAG, actual, format_datetime(parse_time(candidates[0].at)))
