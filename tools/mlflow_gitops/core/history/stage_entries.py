"""Entries: versions that come to hold a stage, or to leave it, with what git knows of each (RULES
R1, R3).

Gates need the making commit, the policies that judge, and the way that the version came. All of it
is read from a model's points.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from mlflow_gitops.core.history.mainline import Commit, Point
from mlflow_gitops.core.manifests.desired import Desired, Field
from mlflow_gitops.core.manifests.manifest import VersionSpec
from mlflow_gitops.core.manifests.policy import ModelPolicy

EntryKind = Literal["stage", "alias", "exit"]

Judges = Callable[["Commit | None"], "tuple[ModelPolicy, ...]"]
"""For a commit: the policies that judge what it makes. The first is the policy before it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One version that the target gives a stage and the base does not, or takes out of one.

    `making_commit` is the newest commit that put it there or changed its pin, None for an
    uncommitted working tree. `judge` is the policy before that commit. `more_judges` are the policy
    that was last in force at a reconcile before it, and those before the other commits of its
    change. `stays` maps each stage that the version was in just before to the commit that began the
    unbroken stay (None: uncommitted).

    `kind` is `alias` if only an alias comes to the version: one that a judge treats as the stage's.
    It is `exit` if the version stops being served in the stage and no new version takes its place.
    `alias` is the name by which the version is served, if there is one.
    """

    stage: str
    version: int
    making_commit: Commit | None
    judge: ModelPolicy
    stays: Mapping[str, Commit | None] = field(default_factory=dict)
    more_judges: tuple[ModelPolicy, ...] = ()
    kind: EntryKind = "stage"
    alias: str | None = None

    @property
    def judges(self) -> tuple[ModelPolicy, ...]:
        """The policies that judge the entry; what any of them asks is asked."""
        distinct: list[ModelPolicy] = []
        for policy in (self.judge, *self.more_judges):
            if policy not in distinct:
                distinct.append(policy)
        return tuple(distinct)


def new_holders(target: Desired, base: Desired | None) -> list[tuple[str, int]]:
    """Each (stage, version) that the target holds and the base does not, in display order of the
    stages."""
    return [
        (stage, version)
        for stage in target.policy.stages
        for version in target.holders(stage)
        if base is None or version not in base.holders(stage)
    ]


def gives_something(target: Desired, base: Desired | None) -> bool:
    """Whether a version comes to hold a stage or an alias. Only then does its way there matter."""
    return bool(new_holders(target, base)) or any(
        _alias_target(target, alias) != _alias_target(base, alias) for alias in _aliases(target)
    )


def all_entries(
    target: Desired, base: Desired | None, points: Sequence[Point], judges: Judges
) -> Iterator[Entry]:
    """Every entry between the base and the target: of stages, of aliases that a judge treats as a
    stage's, and versions that leave a stage."""
    holders = new_holders(target, base)
    for entry in entries(holders, points, judges):
        if not _is_renaming(entry, base):
            yield entry
    yield from _alias_entries(target, base, points, judges)
    if base is not None:
        yield from _exits(target, base, points, judges)


def _is_renaming(entry: Entry, base: Desired | None) -> bool:
    """Whether a stage only has a new name: its version is behind the stage's alias already, and an
    alias is all that a stage of the team's own is."""
    is_known = all(entry.stage in policy.stages for policy in entry.judges)
    if is_known or entry.alias is None or base is None:
        return False
    return _alias_target(base, entry.alias) == entry.version


def entries(
    holders: Sequence[tuple[str, int]], points: Sequence[Point], judges: Judges
) -> Iterator[Entry]:
    """Explain each (stage, version) of the last point by a model's whole history, oldest first."""
    target = points[-1].desired if points else None
    for stage, version in holders:
        rule = target.policy.stages.get(stage) if target else None

        def holds(state: Desired | None, stage: str = stage, version: int = version) -> bool:
            return state is not None and version in state.holders(stage)

        entry = _entry(points, stage, version, holds, judges)
        yield replace(entry, alias=rule.alias if rule else None)


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


def pin_of(state: Desired | None, version: int) -> VersionSpec:
    """What a manifest says about the identity of a version: all but its description and tags."""
    spec = state.manifest.versions.get(version) if state else None
    return replace(spec or VersionSpec(), description=None, tags={})


# -- aliases --------------------------------------------------------------------------------------


def _alias_entries(
    target: Desired, base: Desired | None, points: Sequence[Point], judges: Judges
) -> Iterator[Entry]:
    """The aliases that come to another version and that a judge treats as a stage's. An alias
    that follows its stage to a new holder is part of that stage's entry."""
    own_stages = {alias.lower(): stage for alias, stage in target.policy.stage_aliases.items()}
    for alias in _aliases(target):
        version = _alias_target(target, alias)
        if version is None or version == _alias_target(base, alias):
            continue
        own_stage = own_stages.get(alias.lower())
        was_held = own_stage is None or (base is not None and version in base.holders(own_stage))
        if not was_held:
            continue

        def points_at(state: Desired | None, alias: str = alias, version: int = version) -> bool:
            return _alias_target(state, alias) == version

        entry = _entry(points, "", version, points_at, judges)
        for stage in dict.fromkeys(_stages_of_alias(entry.judges, alias)):
            yield replace(entry, stage=stage, kind="alias", alias=alias)


def _aliases(state: Desired | None) -> list[str]:
    fields = state.fields if state else {}
    return [field.key for field in fields if field.kind == "alias" and field.key is not None]


def _alias_target(state: Desired | None, alias: str) -> int | None:
    """The version behind an alias; MLflow may treat names that differ in case alike."""
    if state is None:
        return None
    version = state.fields.get(Field("alias", None, alias))
    if version is None:
        spellings = (name for name in _aliases(state) if name.lower() == alias.lower())
        version = next((state.fields[Field("alias", None, name)] for name in spellings), None)
    return version if isinstance(version, int) else None


def _stages_of_alias(judges: Sequence[ModelPolicy], alias: str) -> list[str]:
    stages = (policy.gated_aliases.get(alias.lower()) for policy in judges)
    return [stage for stage in stages if stage is not None]


# -- leaving a stage ------------------------------------------------------------------------------


def _exits(
    target: Desired, base: Desired, points: Sequence[Point], judges: Judges
) -> Iterator[Entry]:
    """The versions that stop being served in a stage without a new version in their place: the
    stage is emptied, or an earlier holder is served again."""
    exited: set[str] = set()
    for stage in dict.fromkeys((*base.policy.stages, *target.policy.stages)):
        served, next_served = _served(base, stage), _served(target, stage)
        is_entry = next_served is not None and next_served not in base.holders(stage)
        if served is None or served == next_served or is_entry:
            continue

        def serves(
            state: Desired | None, stage: str = stage, next_served: int | None = next_served
        ) -> bool:
            return _served(state, stage) == next_served

        exited.add(stage)
        entry = _entry(points, stage, served, serves, judges)
        if _is_guarded(entry.judges, stage):
            yield replace(entry, kind="exit")

    for alias in _aliases(base):
        version = _alias_target(base, alias)
        if version is None or _alias_target(target, alias) is not None:
            continue

        def is_gone(state: Desired | None, alias: str = alias) -> bool:
            return _alias_target(state, alias) is None

        entry = _entry(points, "", version, is_gone, judges)
        for stage in dict.fromkeys(_stages_of_alias(entry.judges, alias)):
            if stage not in exited and _is_guarded(entry.judges, stage):
                yield replace(entry, stage=stage, kind="exit", alias=alias)


def _is_guarded(judges: Sequence[ModelPolicy], stage: str) -> bool:
    """Whether a judge asks for approvals before a version leaves a stage: the stage is protected
    and asks for them before one enters it."""
    from mlflow_gitops.core.gates import approvals  # `log` judges nothing and loads no gate

    rules = [policy.stages[stage] for policy in judges if stage in policy.stages]
    return any(rule.protected and rule.gates.settings(approvals.GATE) is not None for rule in rules)


def _served(state: Desired | None, stage: str) -> int | None:
    return max(state.holders(stage), default=None) if state else None


# -- one entry ------------------------------------------------------------------------------------


def _entry(
    points: Sequence[Point],
    stage: str,
    version: int,
    is_made: Callable[[Desired | None], bool],
    judges: Judges,
) -> Entry:
    """An entry by the points of its model: `is_made` says whether a state has what the entry brings
    about."""
    entered = _first_of_run(points, len(points) - 1, is_made)
    before = points[entered - 1].desired if entered else None
    stays: dict[str, Commit | None] = {}
    for earlier_stage in before.manifest.stages if before else ():
        if version not in (before.holders(earlier_stage) if before else ()):
            continue

        def stayed(state: Desired | None, earlier_stage: str = earlier_stage) -> bool:
            return state is not None and version in state.holders(earlier_stage)

        stays[earlier_stage] = points[_first_of_run(points, entered - 1, stayed)].commit

    pin = pin_of(points[-1].desired, version)
    pinned = _first_of_run(points, len(points) - 1, lambda state: pin_of(state, version) == pin)
    made = points[max(entered, pinned)].commit
    judge, *more_judges = judges(made)
    return Entry(stage, version, made, judge, stays, tuple(more_judges))


def _first_of_run(
    points: Sequence[Point], last: int, is_so: Callable[[Desired | None], bool]
) -> int:
    """The index of the first point of the unbroken run of such states that ends at `last`."""
    first = last
    while first > 0 and is_so(points[first - 1].desired):
        first -= 1
    return first
