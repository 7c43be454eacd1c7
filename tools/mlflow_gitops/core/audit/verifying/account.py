"""What git, the receipts and the forge can say about one model, for `verify` to compare MLflow
with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from functools import cached_property

from mlflow_gitops.core.audit.ledger import AppliedRun
from mlflow_gitops.core.history.mainline import Commit, Point
from mlflow_gitops.core.history.people import RecordedPeople
from mlflow_gitops.core.history.stage_entries import Entry
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.observed.model import ObservedVersion
from mlflow_gitops.core.recorded.values import Record


class Account(ABC):
    """One model's account.

    `base` is the commit that MLflow's stamp names; None if it names none of the main line. `points`
    are the model's states along the line up to it. `runs` are the receipts that record the model as
    applied, in the line's order. `positions` maps every commit of the line to its index. `tip` is
    what the newest commit declares, None without a manifest there.
    """

    name: str
    base: Commit | None
    points: Sequence[Point]
    runs: Sequence[AppliedRun]
    positions: Mapping[str, int]
    tip: Desired | None

    @abstractmethod
    def entries_at(self, index: int) -> Sequence[Entry]:
        """Each holder of a stage after a commit of the line, with the commit that put it there."""

    @abstractmethod
    def making_commit_at(self, index: int) -> str | None:
        """The commit that made what was declared after a commit of the line; None if nothing
        was."""

    @abstractmethod
    def declared_at(self, index: int) -> Desired | None:
        """What was declared after any commit of the line; None without a manifest."""

    @abstractmethod
    def people(self, commit: str) -> Sequence[RecordedPeople]:
        """What the receipts record about the people behind a making commit, oldest first."""

    @abstractmethod
    def record(self, version: ObservedVersion) -> Record | None:
        """What MLflow recorded about a version's run; None if there is no run. Raises
        Unreadable."""

    @abstractmethod
    def approvals(self, commit: Commit, file: str) -> int | None:
        """How many people approved a commit's change of a file; None if the forge cannot be
        asked."""

    @cached_property
    def desired(self) -> Desired | None:
        """What the base declares. For a model whose manifest it deleted, that is every stage empty;
        None if there never was a manifest."""
        if self.points and self.points[-1].desired is not None:
            return self.points[-1].desired
        states = (point.desired for point in reversed(self.points))
        last = next((desired for desired in states if desired is not None), None)
        return last.after_removal() if last else None

    def desired_at(self, index: int) -> Desired | None:
        """What was declared after a commit of the line, at most the base; None without a
        manifest."""
        count = bisect_right(self._point_positions, index)
        return self._committed_points[count - 1].desired if count else None

    @cached_property
    def _committed_points(self) -> list[Point]:
        return [point for point in self.points if point.commit is not None]

    @cached_property
    def _point_positions(self) -> list[int]:
        return [
            self.positions[point.commit.sha]
            for point in self._committed_points
            if point.commit is not None
        ]
