"""Changes that git declares and MLflow does not show, such as an alias of a manifest that its stage
takes over (RULES R6)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mlflow_gitops.core.manifests.desired import Desired, Field


def is_unseen(stage: str, versions: Iterable[int], before: Desired | None, after: Desired) -> bool:
    """Whether MLflow's aliases and native stages of a stage, or of `@alias`, are the same before
    and after a change. `versions` are those that entered or left."""
    if before is None or _is_plainly_seen(stage, versions, before, after):
        return False
    return all(
        _is_same(field, before, after) for field in _fields(stage, versions, (before, after))
    )


def _is_plainly_seen(stage: str, versions: Iterable[int], before: Desired, after: Desired) -> bool:
    """Whether it is certain that MLflow shows a change, as it is for most events of a history: a
    version comes to a native stage, or a declared alias moves. False means that all fields must be
    compared, which takes ten times as long."""
    if stage.startswith("@"):
        old, new = (state.manifest.aliases.get(stage[1:]) for state in (before, after))
        return old is not None and new is not None and old != new
    before_stages, after_stages = before.native_stages, after.native_stages
    return any(
        version in after_stages and before_stages.get(version) != after_stages[version]
        for version in versions
    )


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
