"""Who held a stage, from when to when: by the main line, and by what reconciles stamped (RULES R1,
R3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mlflow_gitops.core.history.mainline import Commit, Point
from mlflow_gitops.core.observed.model import HELD_PREFIX, ObservedModel, ObservedVersion


@dataclass(frozen=True, slots=True)
class Stay:
    """An unbroken time in which a stage held the same versions. `began` and `ended` are the commits
    that made it begin and end; `ended` is None while it lasts."""

    versions: tuple[int, ...]
    began: Commit | None
    ended: Commit | None


@dataclass(frozen=True, slots=True)
class Former:
    """What held a stage before. `stay` is its last one on the main line, None where only a stamp
    tells of it. `held` is the time at which a reconcile last put the newest of it there, RFC 3339,
    None where no stamp says so."""

    versions: tuple[int, ...]
    stay: Stay | None
    held: str | None

    @property
    def since(self) -> str:
        """When it came to hold the stage: by the main line, else by its stamp."""
        return self.stay.began.at if self.stay and self.stay.began else self.held or ""


@dataclass(frozen=True, slots=True)
class Formers:
    """The versions that held a stage before it came to hold what it does, the latest first.
    `passed_over` are those that git named and no reconcile put there, or that MLflow no longer has.
    `stamped` says whether stamps took part."""

    held: tuple[Former, ...]
    passed_over: tuple[tuple[int, ...], ...]
    stamped: bool


def stays(points: Sequence[Point], stage: str) -> Iterator[Stay]:
    """The stays of a stage along a model's points, the oldest first; times in which it was empty
    are none."""
    held: tuple[int, ...] = ()
    began: Commit | None = None
    for point in points:
        now = point.desired.holders(stage) if point.desired else ()
        if now == held:
            continue
        if held:
            yield Stay(held, began, point.commit)
        held, began = now, point.commit
    if held:
        yield Stay(held, began, None)


def formers(
    points: Sequence[Point], stage: str, now: tuple[int, ...], seen: ObservedModel | None
) -> Formers:
    """What held a stage before `now`. Held means that a reconcile put it there, as its stamp says;
    where MLflow cannot be asked (`seen` None), or no reconcile ever met the model, git alone says
    so."""
    times = (
        {v.number: at for v in seen.versions.values() if (at := held_at(v, stage))} if seen else {}
    )
    stamped = seen is not None and (seen.base is not None or bool(times))
    found: dict[tuple[int, ...], Former] = {}
    passed_over: dict[tuple[int, ...], None] = {}
    for stay in reversed(list(stays(points, stage))):
        if stay.versions == now or stay.versions in found:
            continue
        if seen is not None and not all(
            version in (times if stamped else seen.versions) for version in stay.versions
        ):
            passed_over[stay.versions] = None
            continue
        found[stay.versions] = Former(stay.versions, stay, times.get(stay.versions[-1]))
    told = {version for versions in found for version in versions}
    stamps = sorted(
        ((at, v) for v, at in times.items() if v not in told and v not in now), reverse=True
    )
    by_stamp = tuple(Former((version,), None, at) for at, version in stamps)
    return Formers((*found.values(), *by_stamp), tuple(passed_over), stamped)


def held_at(version: ObservedVersion, stage: str) -> str | None:
    """When a reconcile last put a version into a stage, by its stamp; None if none ever did."""
    sha, _, at = version.tags.get(HELD_PREFIX + stage, "").partition("@")
    return at if sha and at else None
