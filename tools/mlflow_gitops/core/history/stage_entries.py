"""Entries: versions that come to hold a stage, with what git knows of each: its making commit, its
judge, its way there.

This is the reading of history that the gates need (RULES R1, R3); it works on the points that
`core.history` makes.
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
    the policy at that commit's first parent. `stays` maps each stage that the version was in right
    before to the commit that the unbroken stay began with (None: uncommitted).
    """

    stage: str
    version: int
    made: Commit | None
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
    wanted: Sequence[tuple[str, int]],
    whole: Sequence[Point],
    judge: Callable[[Commit | None], ModelPolicy],
) -> Iterator[Entry]:
    """Explain each wanted (stage, version) by the model's whole history, oldest first, its target
    last."""
    for stage, version in wanted:
        made = len(whole) - 1
        while made > 0 and _holds(whole[made - 1], stage, version):
            made -= 1
        stays: dict[str, Commit | None] = {}
        before = whole[made - 1].desired if made else None
        for other in before.manifest.stages if before else ():
            if _holds(whole[made - 1], other, version):
                began = made - 1
                while began > 0 and _holds(whole[began - 1], other, version):
                    began -= 1
                stays[other] = whole[began].commit
        commit = whole[made].commit
        yield Entry(stage, version, commit, judge(commit), stays)


def files_at(points: Sequence[Point], made: Commit) -> tuple[str, ...]:
    """Where the manifest lay at the commit of one of these points, and where right before if that
    was elsewhere. It may have moved since, and whoever asks git or GitHub about that commit must
    name it as it was."""
    found = ""
    for point in points:
        before, found = found, point.desired.manifest.file if point.desired else ""
        if point.commit is not None and point.commit.sha == made.sha:
            return tuple(dict.fromkeys(file for file in (found, before) if file))
    return ()


def _holds(point: Point, stage: str, version: int) -> bool:
    return point.desired is not None and version in point.desired.holders(stage)
