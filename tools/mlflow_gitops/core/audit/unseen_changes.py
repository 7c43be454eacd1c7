"""Changes that git declares and MLflow does not show, such as an alias of a manifest that its stage
takes over (RULES R6)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from mlflow_gitops.core.manifests.desired import Desired, Field


class HolderChange(NamedTuple):
    """The versions of a stage, or of `@alias`, before and after a change."""

    stage: str
    before: tuple[int, ...]
    after: tuple[int, ...]


def is_unseen(change: HolderChange, before: Desired | None, after: Desired | None) -> bool:
    """Whether MLflow's aliases and native stages of a stage, or of `@alias`, are the same before
    and after a change. `before` and `after` are what the model's manifest declared; with None,
    there was none, which shows."""
    if before is None or after is None or _is_plainly_seen(change, after):
        return False
    versions = {*change.before, *change.after}
    return all(
        _is_same(field, before, after) for field in _fields(change.stage, versions, (before, after))
    )


def _is_plainly_seen(change: HolderChange, after: Desired) -> bool:
    """Whether it is certain that MLflow shows a change, as it is for most events of a history: a
    version comes to a native stage, or a declared alias moves. False means that all fields must be
    compared, which takes ten times as long."""
    if change.stage.startswith("@"):
        return bool(change.before and change.after)
    rule = after.policy.stages.get(change.stage)
    if rule is None or not rule.native:
        return False
    return any(version not in change.before for version in change.after)


def _fields(stage: str, versions: Iterable[int], states: Iterable[Desired]) -> Iterator[Field]:
    if stage.startswith("@"):
        yield Field("alias", None, stage[1:])
        return
    for version in versions:
        yield Field("stage", version)
    for desired in states:
        for alias, of_stage in desired.policy.stage_aliases.items():
            if of_stage == stage:
                yield Field("alias", None, alias)


def _is_same(field: Field, before: Desired, after: Desired) -> bool:
    """Whether a field has the same value. A version that is no longer listed in Archived stays
    there (RULES R2); the alias of an empty stage does not exist, like one that is not declared."""
    value = before.fields.get(field)
    is_kept = field.kind == "stage" and field not in after.fields and value == "Archived"
    return is_kept or value == after.fields.get(field)
