"""Entries: versions that come to hold a stage, with what git knows of each (RULES R1, R3).

Gates need the making commit, the policy that judges, and the way that the version came. All of it
is read from a model's points.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mlflow_gitops.core.history.mainline import Commit, Point
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.policy import ModelPolicy


@dataclass(frozen=True, slots=True)
class Entry:
    """One version that the target gives a stage and the base does not.

    `made` is the newest commit that put it there, None for an uncommitted working tree. `judge` is
    the policy at that commit's first parent. `stays` maps each stage that the version was in just
    before to the commit that began the unbroken stay (None: uncommitted).
    """

    stage: str
    version: int
    making_commit: Commit | None
    judge: ModelPolicy
    stays: Mapping[str, Commit | None] = field(default_factory=dict)


def new_holders(target: Desired, base: Desired | None) -> list[tuple[str, int]]:
    """Each (stage, version) that the target holds and the base does not, in display order of the
    stages."""
    return [
        (stage, version)
        for stage in target.policy.stages
        for version in target.holders(stage)
        if base is None or version not in base.holders(stage)
    ]


def entries(
    holders: Sequence[tuple[str, int]],
    points: Sequence[Point],
    judge: Callable[[Commit | None], ModelPolicy],
) -> Iterator[Entry]:
    """Explain each (stage, version) of the last point by a model's whole history, oldest first.
    `judge` returns the policy that judges a commit."""
    for stage, version in holders:
        entered = _stay_start(points, len(points) - 1, stage, version)
        stays: dict[str, Commit | None] = {}
        before = points[entered - 1].desired if entered else None
        for earlier_stage in before.manifest.stages if before else ():
            if _holds(points[entered - 1], earlier_stage, version):
                began = _stay_start(points, entered - 1, earlier_stage, version)
                stays[earlier_stage] = points[began].commit
        commit = points[entered].commit
        yield Entry(stage, version, commit, judge(commit), stays)


def files_at(points: Sequence[Point], commit: Commit) -> tuple[str, ...]:
    """The path of the manifest at the commit of one of these points, and the path just before if it
    was another. The file may have moved since, and git and the forge know it by the path that it
    had."""
    path = ""
    for point in points:
        previous_path, path = path, point.desired.manifest.file if point.desired else ""
        if point.commit is not None and point.commit.sha == commit.sha:
            return tuple(dict.fromkeys(file for file in (path, previous_path) if file))
    return ()


def _stay_start(points: Sequence[Point], last: int, stage: str, version: int) -> int:
    """The index of the first point of the unbroken stay that the point at `last` belongs to."""
    first = last
    while first > 0 and _holds(points[first - 1], stage, version):
        first -= 1
    return first


def _holds(point: Point, stage: str, version: int) -> bool:
    return point.desired is not None and version in point.desired.holders(stage)
