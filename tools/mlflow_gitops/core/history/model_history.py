"""What git wanted of one model from its base to the target: the desired state at each commit that
changed it (RULES R1, R2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from mlflow_gitops.core.history.base import BaseState
from mlflow_gitops.core.history.mainline import Commit, Point
from mlflow_gitops.core.history.stage_entries import Entry, files_at
from mlflow_gitops.core.manifests.desired import Desired, Field
from mlflow_gitops.core.manifests.policy import ModelPolicy

UNDECLARED = object()
"""The value of a field in a commit that does not declare it."""


@dataclass(frozen=True)
class ModelHistory:
    """One model's points, oldest first and never empty. If the base is known, the first point is
    the base; the last one is the target."""

    base: str | None
    base_state: BaseState
    points: tuple[Point, ...]
    entries: tuple[Entry, ...] = ()
    """What gates judge: each version that comes to hold a stage, or leaves it, between the base and
    the target."""
    judges: tuple[ModelPolicy, ...] = ()
    """The policies that judge what git changed since the base (RULES R3); none if git changed
    nothing."""
    earlier_points: tuple[Point, ...] = ()
    """The states before the base, oldest first. Only read if there are entries to explain."""

    @property
    def all_points(self) -> tuple[Point, ...]:
        """Every state from the model's first manifest to the target, if there are entries."""
        return self.earlier_points + self.points

    @property
    def before(self) -> Desired | None:
        """The desired state at the base; None without a known base, or without a manifest there."""
        return self.points[0].desired if self.base_state == "known" else None

    @property
    def target(self) -> Desired | None:
        return self.points[-1].desired

    def values(self, field: Field) -> list[object]:
        """The values that a field had, point by point."""
        return [
            p.desired.fields.get(field, UNDECLARED) if p.desired else UNDECLARED
            for p in self.points
        ]

    @cached_property
    def declared(self) -> frozenset[Field]:
        """Every field that any of the commits declared."""
        states = (point.desired.fields for point in self.points if point.desired)
        return frozenset[Field]().union(*states)

    @property
    def moved(self) -> bool:
        """Whether git changed anything since the base: then the model is stamped even if MLflow
        already agrees."""
        states = [point.desired.fields if point.desired else None for point in self.points]
        return self.base_state == "none" or any(state != states[0] for state in states)

    def files(self, commit: Commit) -> tuple[str, ...]:
        """The paths of the manifest at a making commit (`files_at`), or its path now if no point is
        of that commit."""
        return files_at(self.points, commit) or (
            (self.target.manifest.file,) if self.target else ()
        )

    def made_by(self, value_of: Callable[[Desired | None], object]) -> Commit | None:
        """The newest commit that changed `value_of(desired)` into what it is at the target.

        None if no commit did, or if only the working tree did. Without a base, a value that never
        changed was made by the first commit.
        """
        values = [value_of(point.desired) for point in self.points]
        for index in range(len(values) - 1, 0, -1):
            if values[index] != values[index - 1]:
                return self.points[index].commit
        return self.points[0].commit if self.base_state == "none" else None
