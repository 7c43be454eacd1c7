"""Which versions held a stage before, and when: by the main line, and by the receipts of reconciles
(RULES R1, R3)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mlflow_gitops.core.history.mainline import Commit, Point
from mlflow_gitops.core.history.tenures import Tenure, declared_tenures


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

    `stay` is the last one on the main line. `reconciled_at` is when a receipt first recorded the
    newest version there, RFC 3339; None if only git is known. `rolled_back` is the commit that went
    back from these versions to earlier ones; None if none did.
    """

    versions: tuple[int, ...]
    stay: Stay
    reconciled_at: str | None
    rolled_back: Commit | None = None

    @property
    def since(self) -> str:
        """When it came to hold the stage: by the main line, else by its receipt."""
        return self.stay.began.at if self.stay.began else self.reconciled_at or ""


@dataclass(frozen=True, slots=True)
class PreviousHolders:
    """The previous holders of a stage, the latest first. `holders` are those that a rollback can go
    to, `rolled_back` those that were rolled back themselves.

    `passed_over` are versions that git named, but that no reconcile put there or that MLflow no
    longer has.
    """

    holders: tuple[PreviousHolder, ...]
    rolled_back: tuple[PreviousHolder, ...]
    passed_over: tuple[tuple[int, ...], ...]


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
    points: Sequence[Point],
    stage: str,
    current: tuple[int, ...],
    tenures: Mapping[int, Tenure] | None = None,
    existing: Collection[int] | None = None,
) -> PreviousHolders:
    """Which holders a stage had before its `current` versions.

    A version held a stage if a receipt says that a reconcile put it there (`tenures`). If there are
    none to go by, git alone decides. `existing` are the versions that MLflow has; None if it cannot
    be asked.
    """
    declared = declared_tenures(points, stage)
    former: dict[tuple[int, ...], PreviousHolder] = {}
    passed_over: dict[tuple[int, ...], None] = {}

    for stay in reversed(list(stays(points, stage))):
        versions = stay.versions
        if versions == current or versions in former:
            continue
        is_held = tenures is None or all(version in tenures for version in versions)
        is_there = existing is None or all(version in existing for version in versions)
        if not (is_held and is_there):
            passed_over[versions] = None
            continue

        tenure = tenures.get(versions[-1]) if tenures is not None else None
        went_back = _rolled_back_by(tenure) or _rolled_back_by(declared.get(versions[-1]))
        former[versions] = PreviousHolder(
            versions, stay, tenure.reconciled_at if tenure else None, went_back
        )

    return PreviousHolders(
        tuple(holder for holder in former.values() if holder.rolled_back is None),
        tuple(holder for holder in former.values() if holder.rolled_back is not None),
        tuple(passed_over),
    )


def _rolled_back_by(tenure: Tenure | None) -> Commit | None:
    return tenure.ended if tenure is not None and tenure.is_rolled_back else None
