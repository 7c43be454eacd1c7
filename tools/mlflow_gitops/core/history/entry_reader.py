"""Explain entries by what git's history says before them: the way of a version, and the policies
that judge it (RULES R3)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
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
from mlflow_gitops.core.manifests.names import file_stem, model_of
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
    names = (target.manifest.name, *_former_names(histories, history))
    judges = _judges(histories.policies, target, names, history.base, more_judges)
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
    names = (target.manifest.name,)
    judges = _judges(histories.policies, target, names, None, no_more_judges)
    return tuple(entries(new_holders(target, None), points, judges))


def _judges(
    policies: PolicyHistory,
    target: Desired,
    names: Sequence[str],
    base: str | None,
    more_judges: MoreJudges,
) -> Judges:
    """The policies that judge a model by each of its names: the present one, then former ones."""
    kind = target.manifest.kind

    def judges(commit: Commit | None) -> tuple[ModelPolicy, ...]:
        others = more_judges(commit, base)
        judging: list[ModelPolicy] = []
        for name in names:
            judging.append(policies.judge(commit, name, kind, default=target.policy))
            judging += [policies.labelled(policy, name, kind) for policy in others]
        return tuple(judging)

    return judges


def _former_names(histories: HistoryReader, history: ModelHistory) -> Iterator[str]:
    """The names that a model may have had before this target: a rename does not take a model out of
    an exception of the policy.

    They are those of the manifests that were removed since the model's base, if that has no
    manifest of the present name; without a base, by the commit that first declares the model.
    `formerly` need not list them.
    """
    target, first = history.target, history.points[0].commit
    if target is None or first is None:
        return
    if history.before is not None and history.before.manifest.name == target.manifest.name:
        return
    line = histories.line
    position, last = line.index[first.sha], line.shas[-1]
    if history.base_state == "known":
        stems = histories.files.removed_since(position + 1, first.sha, last)
    elif position:
        removed = histories.files.removed_since(position, line.shas[position - 1], last)
        stems = [stem for stem in removed if position in histories.files.changed_at(stem)]
    else:
        stems = []

    own_stem = file_stem(target.manifest.name)
    yield from (model_of(stem) for stem in stems if stem != own_stem)


def _distinct(policies: Iterable[ModelPolicy]) -> list[ModelPolicy]:
    distinct: list[ModelPolicy] = []
    for policy in policies:
        if policy not in distinct:
            distinct.append(policy)
    return distinct
