"""Explain entries by what git's history says before them: the way of a version, and the policies
that judge it (RULES R3)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from mlflow_gitops.core.history.history_reader import HistoryReader
from mlflow_gitops.core.history.mainline import Commit, Point
from mlflow_gitops.core.history.model_history import ModelHistory
from mlflow_gitops.core.history.policy_history import MoreJudges, PolicyHistory, no_more_judges
from mlflow_gitops.core.history.stage_entries import (
    Entry,
    Judges,
    all_entries,
    entries,
    gives_something,
    new_holders,
)
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.names import file_stem
from mlflow_gitops.core.manifests.policy import ModelPolicy


def with_entries(
    histories: HistoryReader, history: ModelHistory, more_judges: MoreJudges = no_more_judges
) -> ModelHistory:
    """The history with its entries explained. A version's way may begin before the base, so
    more is read, but only for a model that git changed since the base."""
    target = history.target
    if target is None or history.base_state not in ("none", "known"):
        return history
    if history.base_state == "known" and len(history.points) == 1:
        return history

    earlier: tuple[Point, ...] = ()
    base = history.points[0].commit if history.base_state == "known" else None
    if base is not None and gives_something(target, history.before):
        stem = file_stem(target.manifest.name)
        earlier = tuple(histories.points_before(stem, base.sha))

    points = (*earlier, *history.points)
    judges = _judges(histories.policies, target, history.base, more_judges)
    found = tuple(all_entries(target, history.before, points, judges))
    policies = [policy for entry in found for policy in entry.judges]
    policies += judges(points[-1].commit)
    return replace(
        history, entries=found, judges=tuple(_distinct(policies)), earlier_points=earlier
    )


def entries_at(histories: HistoryReader, stem: str, commit: str) -> tuple[Entry, ...]:
    """Each holder that a commit of the line names in a model's manifest, explained as an
    entry."""
    points = histories.points_until(stem, commit)
    target = points[-1].desired if points else None
    if target is None:
        return ()
    judges = _judges(histories.policies, target, None, no_more_judges)
    return tuple(entries(new_holders(target, None), points, judges))


def _judges(
    policies: PolicyHistory, target: Desired, base: str | None, more_judges: MoreJudges
) -> Judges:
    name, kind = target.manifest.name, target.manifest.kind

    def judges(commit: Commit | None) -> tuple[ModelPolicy, ...]:
        judge = policies.judge(commit, name, kind, default=target.policy)
        others = (policies.labelled(policy, name, kind) for policy in more_judges(commit, base))
        return judge, *others

    return judges


def _distinct(policies: Iterable[ModelPolicy]) -> list[ModelPolicy]:
    distinct: list[ModelPolicy] = []
    for policy in policies:
        if policy not in distinct:
            distinct.append(policy)
    return distinct
