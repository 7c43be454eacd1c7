"""Who held a stage by the receipts of reconciles, and who was rolled back (RULES R3).

A tag in MLflow proves nothing here: anyone with EDIT can write it, and `copy_model_version` copies
it. A version held a stage if a receipt records that its model was applied at a commit that declares
the version for that stage. A receipt that a later run recovered counts only for the versions that
it names: those whose gates that run judged and found passed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from mlflow_gitops.core.creation_times import SKEW, earliest_creation
from mlflow_gitops.core.history.mainline import Commit, Point
from mlflow_gitops.core.times import format_datetime, parse_time


@dataclass(frozen=True, slots=True)
class AppliedCommit:
    """One reconcile that applied a model: the commit's index on the main line, and when the receipt
    was written (RFC 3339, UTC).

    `began` is when the run began; None if the receipt does not say. `entered` are the stages and
    versions that the receipt names as having come to hold them. If `is_partial`, only these count
    as having come to hold a stage: a later run recovered the receipt, or the run began from a state
    that no receipt explained. If `is_contradicted`, nothing that it put into a stage counts.
    `registered` is when MLflow registered the model, by the receipt; None if it does not say.
    `is_created` is whether the run made the model.
    """

    index: int
    at: str
    began: str | None = None
    entered: frozenset[tuple[str, int]] = frozenset()
    is_partial: bool = False
    is_contradicted: bool = False
    registered: str | None = None
    is_created: bool = False

    @property
    def has_wrong_clock(self) -> bool:
        """Whether its receipt was written before MLflow registered the model, by its own words: the
        clock of its machine was wrong, and its time shows nothing."""
        return self.registered is not None and self.at < self.registered

    def is_about(self, model_created: str | None) -> bool:
        """Whether it can be about the model that MLflow registered at a time, RFC 3339."""
        if self.registered is not None:
            return self.registered == model_created
        if not self.is_created or model_created is None:
            return True
        return parse_time(model_created) >= earliest_creation(self.began, self.at)

    @property
    def proven(self) -> AppliedCommit:
        """The run, without what a contradicted receipt cannot prove."""
        if not self.is_contradicted:
            return self
        return replace(self, entered=frozenset(), is_partial=True)


@dataclass(frozen=True, slots=True)
class Tenure:
    """The latest time in which a version held a stage, by receipts.

    `began` is the commit that put the version there; `reconciled_at` is when the first receipt of
    this tenure was written, `not_before` when the receipt before that one was. `ended` is the
    commit that took the version out, None while it holds the stage. `is_rolled_back` says whether
    the stage went back to a version that had held it before.
    """

    version: int
    began: Commit | None
    reconciled_at: str
    not_before: str | None = None
    ended: Commit | None = None
    is_rolled_back: bool = False


@dataclass(frozen=True, slots=True)
class ReconciledHistory:
    """What receipts say about one model: the reconciles that applied it, in the order of the main
    line. `positions` maps the commits of that line to their indexes. `fetch_hint` says how to fetch
    receipts that may be missing in this clone; None if it has no remote."""

    runs: Sequence[AppliedCommit] = ()
    positions: Mapping[str, int] | None = None
    fetch_hint: str | None = None

    def since(self, created: str | None, model_created: str | None = None) -> ReconciledHistory:
        """The reconciles that can be about the version and the model that MLflow registered at
        these times, RFC 3339. What was recorded before is about another version of that number:
        that of a model that was deleted and made again, or whose former name this model has. So is
        what names another time for the model."""
        if created is None and model_created is None:
            return self
        # Both are RFC 3339 in UTC, and the tolerance is far longer than a fraction of a second.
        earliest = format_datetime(parse_time(created) - SKEW) if created else ""
        runs = [
            run
            for run in self.runs
            if (run.at >= earliest or run.has_wrong_clock) and run.is_about(model_created)
        ]
        return self if len(runs) == len(self.runs) else replace(self, runs=runs)

    def tenures(
        self, points: Sequence[Point], stage: str, before: Commit | None = None
    ) -> Mapping[int, Tenure]:
        """The latest tenure of every version that held a stage. `points` are the model's states
        along the whole line; with `before`, only reconciles of earlier commits count."""
        positions = self.positions or {}
        limit = positions.get(before.sha) if before is not None else None
        runs = [run.proven for run in self.runs if limit is None or run.index < limit]
        return _stage_tenures(points, stage, positions, runs)


def was_declared(points: Sequence[Point], stage: str, version: int, before: Commit | None) -> bool:
    """Whether the main line ever declared a version for a stage and then left it, before a commit
    (None: before what is uncommitted) declared it again. Without that, no receipt can show it."""
    states: list[bool] = []
    for point in points:
        states.append(point.desired is not None and version in point.desired.holders(stage))
        if before is not None and point.commit is not None and point.commit.sha == before.sha:
            break
    return any(states[:-1])


def declared_tenures(points: Sequence[Point], stage: str) -> Mapping[int, Tenure]:
    """The tenures as if every commit had been reconciled: what git alone knows."""
    commits = [point.commit for point in points if point.commit is not None]
    positions = {commit.sha: index for index, commit in enumerate(commits)}
    runs = [AppliedCommit(index, commit.at) for index, commit in enumerate(commits)]
    return _stage_tenures(points, stage, positions, runs)


class State(NamedTuple):
    """The holders of a stage after one reconcile, and the index of the newest point up to it; -1 if
    there is none. `changed_by` is the newest commit that changed the holders."""

    holders: tuple[int, ...]
    changed_by: Commit | None
    point: int


def counted_states(
    points: Sequence[Point], stage: str, positions: Mapping[str, int], runs: Sequence[AppliedCommit]
) -> Iterator[tuple[AppliedCommit, State]]:
    """The holders of a stage at each reconcile, oldest first. `points` have commits of the line.

    A version that was in the stage at a partial receipt, which does not name it, is left out until
    the stage has lost it.
    """
    holders: tuple[int, ...] = ()
    unproven: set[int] = set()
    for run, state in _states(points, stage, positions, runs):
        unproven &= set(state.holders)
        if run.is_partial:
            unproven |= {
                version
                for version in state.holders
                if version not in holders and (stage, version) not in run.entered
            }
        holders = tuple(version for version in state.holders if version not in unproven)
        yield run, state._replace(holders=holders)


def _stage_tenures(
    points: Sequence[Point], stage: str, positions: Mapping[str, int], runs: Sequence[AppliedCommit]
) -> Mapping[int, Tenure]:
    latest: dict[int, Tenure] = {}
    holders: tuple[int, ...] = ()
    last_holders: tuple[int, ...] = ()
    previous_at: str | None = None

    for run, state in counted_states(points, stage, positions, runs):
        if state.holders != holders:
            entered = [version for version in state.holders if version not in holders]
            replaced = [v for v in holders or last_holders if v not in state.holders]
            is_rollback = _goes_back(latest, entered, replaced, state.holders)

            for version in replaced:
                tenure = latest[version]
                latest[version] = replace(
                    tenure,
                    ended=tenure.ended if tenure.ended and not is_rollback else state.changed_by,
                    is_rolled_back=tenure.is_rolled_back or is_rollback,
                )
            for version in entered:
                latest[version] = Tenure(version, state.changed_by, run.at, previous_at)

            last_holders = holders or last_holders
            holders = state.holders
        previous_at = run.at
    return latest


def _goes_back(
    latest: Mapping[int, Tenure],
    entered: Sequence[int],
    replaced: Sequence[int],
    holders: Sequence[int],
) -> bool:
    """Whether a change of a stage's holders goes back to a version that held it before. A list that
    loses its served version goes back to one that stays."""
    if not replaced:
        return False
    if entered:
        return any(version in latest and not latest[version].is_rolled_back for version in entered)
    return bool(holders) and max(replaced) > max(holders)


def _states(
    points: Sequence[Point], stage: str, positions: Mapping[str, int], runs: Sequence[AppliedCommit]
) -> Iterator[tuple[AppliedCommit, State]]:
    indexes: list[int] = []
    states: list[State] = []
    current = State((), None, -1)
    for number, point in enumerate(points):
        index = positions.get(point.commit.sha) if point.commit is not None else None
        if index is None:
            continue
        holders = point.desired.holders(stage) if point.desired is not None else ()
        changed_by = point.commit if holders != current.holders else current.changed_by
        current = State(holders, changed_by, number)
        indexes.append(index)
        states.append(current)

    for run in runs:
        count = bisect_right(indexes, run.index)
        yield run, states[count - 1] if count else State((), None, -1)
