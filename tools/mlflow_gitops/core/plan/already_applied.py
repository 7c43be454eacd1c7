"""Changes that git asks for and MLflow holds already when a run begins, because an interrupted run
made them, or somebody did by hand.

An interrupted run leaves no receipt. The next run knows what git changed since the base and sees
which of it is done; its receipt lists that, too, so that the receipts together list every change
(RULES R6).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from mlflow_gitops.core.history.model_history import ModelHistory
from mlflow_gitops.core.manifests.desired import Desired, Field
from mlflow_gitops.core.manifests.names import ACTIVE_STAGES
from mlflow_gitops.core.observed.model import PIN_TAG, ObservedModel, ObservedVersion
from mlflow_gitops.core.plan.changes import find_changes
from mlflow_gitops.core.plan.plan import Change


def already_applied_changes(
    history: ModelHistory, observed: ObservedModel | None, pending: Sequence[Change] = ()
) -> tuple[Change, ...]:
    """What git changed between the base and the target and MLflow holds already. `pending` are
    changes still to be made. `before` is None in each: what MLflow held earlier is not known."""
    if observed is None or history.target is None or not history.moved:
        return ()

    earlier = state_before_target(history, observed)
    model = earlier or ObservedModel(observed.name)
    changes, _ = find_changes(history.target, history, model, is_new=earlier is None)
    still_to_do = {_effect(change) for change in pending}
    return tuple(
        replace(change, before=None)
        for change in changes
        if change.cause == "commit" and _effect(change) not in still_to_do
    )


def _effect(change: Change) -> tuple[object, ...]:
    return change.action, change.version, change.key, change.after


def state_before_target(history: ModelHistory, observed: ObservedModel) -> ObservedModel | None:
    """The model as MLflow would hold it if nobody had carried out what git changed since the base;
    None if it would not be there.

    Without a base, nothing that git declares would be there. A version that its tag `gitops.pin`
    shows to be registered by reconcile would not be there, nor a model that has no other version.
    """
    base, target = history.before, history.target
    if target is None:
        return observed

    versions = _versions_before(base, target, observed)
    other_tags = [
        tag
        for tag in observed.tags
        if not tag.startswith("gitops.") and tag not in target.manifest.tags
    ]
    if history.base_state == "none" and not versions and not other_tags:
        return None

    model = _UndoneModel(observed, versions)
    for field in history.declared | target.fields.keys():
        model.undo(field, _value(base, field), _value(target, field))
    return model.build()


def _value(state: Desired | None, field: Field) -> str | int | None:
    return state.fields.get(field) if state else None


class _UndoneModel:
    """A model in MLflow while changes of its fields are undone one by one."""

    def __init__(self, observed: ObservedModel, versions: Mapping[int, ObservedVersion]) -> None:
        self._observed = observed
        self._versions = dict(versions)
        self._description = observed.description
        self._tags = dict(observed.tags)
        self._aliases = dict(observed.aliases)
        self._version_tags = {number: dict(v.tags) for number, v in versions.items()}

    def undo(self, field: Field, before: str | int | None, after: str | int | None) -> None:
        """Undo the change of a field from `before` to `after`, if MLflow shows it."""
        version = field.version
        if before == after or field.kind == "stage":
            return
        if version is not None and version not in self._versions:
            return

        if field.kind == "alias":
            _undo_entry(self._aliases, field.key, before, after)
        elif field.kind == "tag":
            tags = self._tags if version is None else self._version_tags[version]
            _undo_entry(tags, field.key, before, after)
        elif version is None:
            if self._description == (after or ""):
                self._description = str(before or "")
        elif self._versions[version].description == (after or ""):
            self._versions[version] = replace(
                self._versions[version], description=str(before or "")
            )

    def build(self) -> ObservedModel:
        """The model as it is now."""
        versions = {
            number: replace(version, tags=self._version_tags[number])
            for number, version in self._versions.items()
        }
        return replace(
            self._observed,
            description=self._description,
            tags=self._tags,
            aliases={a: version for a, version in self._aliases.items() if version in versions},
            versions=versions,
        )


def _undo_entry(
    entries: dict[str, Any], key: str | None, before: str | int | None, after: str | int | None
) -> None:
    """Undo one change in a mapping, if it shows there."""
    if key is None or entries.get(key) != after:
        return
    if before is None:
        entries.pop(key, None)
    else:
        entries[key] = before


def _versions_before(
    base: Desired | None, target: Desired, observed: ObservedModel
) -> dict[int, ObservedVersion]:
    """The versions without those that reconcile registered since the base, each in its stage of
    before."""
    return {
        number: replace(version, stage=_stage_before(version, base, target))
        for number, version in observed.versions.items()
        if _declares(base, number) or not _is_registered_here(observed.name, version, target)
    }


def _stage_before(version: ObservedVersion, base: Desired | None, target: Desired) -> str:
    before = base.native_stages.get(version.number) if base else None
    after = target.native_stages.get(version.number)
    has_entered = after is not None and before != after and version.stage == after
    has_left = after is None and before in ACTIVE_STAGES and version.stage not in ACTIVE_STAGES
    return before or "None" if has_entered or has_left else version.stage


def _is_registered_here(name: str, version: ObservedVersion, target: Desired) -> bool:
    spec = target.manifest.versions.get(version.number)
    is_pinned = version.tags.get(PIN_TAG) == f"{name}/{version.number}"
    return is_pinned and spec is not None and spec.can_be_registered


def _declares(base: Desired | None, version: int) -> bool:
    return base is not None and version in base.manifest.versions
