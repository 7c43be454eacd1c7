"""Held stamps, `gitops.held.<Stage>: <commit>@<time>`, compared with receipts (RULES R3).

The tag is for people who look at MLflow. Anyone with EDIT can write it, and `copy_model_version`
copies it, so it is right only if it says what a receipt says.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from mlflow_gitops.core.history.mainline import Commit, Point
from mlflow_gitops.core.history.tenures import AppliedCommit, ReconciledHistory, counted_states
from mlflow_gitops.core.times import format_datetime, is_stamped_between, parse_time

NOT_RECORDED = "no receipt says that a reconcile put it there"
"""What is wrong with a stamp of a stay that no receipt records."""


@dataclass(frozen=True, slots=True)
class RecordedStay:
    """The last stay of a version in a stage that a receipt records: the commit that began it, and
    the first reconcile in it."""

    commit: Commit
    run: AppliedCommit

    @property
    def stamp(self) -> str:
        """The stamp that says the same."""
        return f"{self.commit.sha}@{format_datetime(parse_time(self.run.at))}"

    def fault(self, stamp: str) -> str | None:
        """What is wrong with a stamp; None if it names this stay and a time within its run."""
        sha, _, time = stamp.partition("@")
        if sha != self.commit.sha:
            return f"it names {sha[:12] or 'nothing'}, and the receipts {self.commit.sha[:12]}"
        if not is_stamped_between(time, self.run.began or self.commit.at, self.run.at):
            return f"it says {time[:40] or 'no time'}, and its receipt was written at {self.run.at}"
        return None


def recorded_stays(
    points: Sequence[Point], stage: str, reconciles: ReconciledHistory
) -> Mapping[int, RecordedStay]:
    """The last stay of every version in a stage, by receipts. `points` are the model's states along
    the line."""
    positions = reconciles.positions or {}
    committed = [point for point in points if point.commit and point.commit.sha in positions]
    stays: dict[int, RecordedStay] = {}
    for run, state in counted_states(committed, stage, positions, reconciles.runs):
        for version in state.holders:
            commit = _beginning(committed, state.point, stage, version)
            stay = stays.get(version)
            if commit is not None and (stay is None or stay.commit.sha != commit.sha):
                stays[version] = RecordedStay(commit, run)
    return stays


def names_its_receipt(
    stamp: str,
    stage: str,
    version: int,
    reconciles: ReconciledHistory,
    changed_at: Collection[int],
) -> bool:
    """Whether a stamp agrees with the newest receipt that names the version as having come to hold
    the stage, and names the only commit of that run that changed the manifest. `changed_at` are the
    indexes of all such commits. False if only the manifest's states can tell."""
    runs = reconciles.runs
    numbers = [number for number, run in enumerate(runs) if (stage, version) in run.entered]
    if not numbers or runs[numbers[-1]].began is None:
        return False

    sha, _, time = stamp.partition("@")
    run = runs[numbers[-1]]
    previous = runs[numbers[-1] - 1].index if numbers[-1] else -1
    of_run = [index for index in changed_at if previous < index <= run.index]
    if of_run != [(reconciles.positions or {}).get(sha)]:
        return False
    return is_stamped_between(time, run.began or "", run.at)


def _beginning(points: Sequence[Point], last: int, stage: str, version: int) -> Commit | None:
    """The commit that began the stay in which the version is at a point."""
    first = last
    while first > 0:
        earlier = points[first - 1].desired
        if earlier is None or version not in earlier.holders(stage):
            break
        first -= 1
    return points[first].commit
