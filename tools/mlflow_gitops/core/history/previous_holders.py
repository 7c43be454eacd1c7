"""Which versions held a stage before, and when: by the main line, and by the stamps of reconciles
(RULES R1, R3)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from mlflow_gitops.core.history.mainline import Commit, Point
from mlflow_gitops.core.observed.model import HELD_PREFIX, ObservedModel, ObservedVersion


@dataclass(frozen=True, slots=True)
class Stay:
    """An unbroken time in which a stage held the same versions. `began` and `ended` are the commits
    that began and ended it; `ended` is None while it lasts."""

    versions: tuple[int, ...]
    began: Commit | None
    ended: Commit | None


@dataclass(frozen=True, slots=True)
class PreviousHolder:
    """The versions that a stage held at the same time.

    `stay` is the last one on the main line; None if only a stamp shows that a version held the
    stage. `reconciled_at` is when a reconcile last put the newest version there, RFC 3339; None
    without a stamp.
    """

    versions: tuple[int, ...]
    stay: Stay | None
    reconciled_at: str | None

    @property
    def since(self) -> str:
        """When it came to hold the stage: by the main line, else by its stamp."""
        if self.stay and self.stay.began:
            return self.stay.began.at
        return self.reconciled_at or ""


@dataclass(frozen=True, slots=True)
class PreviousHolders:
    """The previous holders of a stage, the latest first.

    `passed_over` are versions that git named, but that no reconcile put there or that MLflow no
    longer has. `uses_stamps` says whether the answer considers stamps.
    """

    holders: tuple[PreviousHolder, ...]
    passed_over: tuple[tuple[int, ...], ...]
    uses_stamps: bool


def stays(points: Sequence[Point], stage: str) -> Iterator[Stay]:
    """The stays of a stage along a model's points, oldest first. Times in which the stage was empty
    are left out."""
    versions: tuple[int, ...] = ()
    began: Commit | None = None
    for point in points:
        holders = point.desired.holders(stage) if point.desired else ()
        if holders == versions:
            continue
        if versions:
            yield Stay(versions, began, point.commit)
        versions, began = holders, point.commit
    if versions:
        yield Stay(versions, began, None)


def previous_holders(
    points: Sequence[Point], stage: str, current: tuple[int, ...], observed: ObservedModel | None
) -> PreviousHolders:
    """What held a stage before the `current` versions.

    A version held a stage if a reconcile put it there, which its stamp shows. If MLflow cannot be
    asked (`observed` is None), or if no reconcile has stamped the model yet, git alone decides.
    """
    stamped = _stamped_times(observed, stage)
    uses_stamps = observed is not None and (observed.base is not None or bool(stamped))
    possible: Collection[int] | None = stamped if uses_stamps else None
    if observed is not None and not uses_stamps:
        possible = observed.versions

    on_line: dict[tuple[int, ...], PreviousHolder] = {}
    passed_over: dict[tuple[int, ...], None] = {}
    for stay in reversed(list(stays(points, stage))):
        versions = stay.versions
        if versions == current or versions in on_line:
            continue
        if possible is not None and any(version not in possible for version in versions):
            passed_over[versions] = None
            continue
        on_line[versions] = PreviousHolder(versions, stay, stamped.get(versions[-1]))

    listed = {version for versions in on_line for version in versions} | set(current)
    only_stamped = sorted(
        ((time, version) for version, time in stamped.items() if version not in listed),
        reverse=True,
    )
    by_stamp = (PreviousHolder((version,), None, time) for time, version in only_stamped)
    return PreviousHolders((*on_line.values(), *by_stamp), tuple(passed_over), uses_stamps)


def stamped_time(version: ObservedVersion, stage: str) -> str | None:
    """When a reconcile last put a version into a stage, by its stamp; None without a stamp."""
    sha, _, time = version.tags.get(HELD_PREFIX + stage, "").partition("@")
    return time if sha and time else None


def _stamped_times(observed: ObservedModel | None, stage: str) -> dict[int, str]:
    times: dict[int, str] = {}
    for version in observed.versions.values() if observed else ():
        if time := stamped_time(version, stage):
            times[version.number] = time
    return times
