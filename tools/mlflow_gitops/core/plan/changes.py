"""The changes that take MLflow to the desired state, field by field, each with its cause (RULES
R2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from mlflow_gitops.core.history.mainline import Commit, Point
from mlflow_gitops.core.history.model_history import UNDECLARED, ModelHistory
from mlflow_gitops.core.manifests.desired import Desired, Field
from mlflow_gitops.core.manifests.names import ACTIVE_STAGES
from mlflow_gitops.core.observed.model import ObservedModel, ObservedVersion
from mlflow_gitops.core.plan.plan import Cause, Change
from mlflow_gitops.core.plan.write_order import order_writes

FieldValue = str | int | None


def find_changes(
    desired: Desired, history: ModelHistory, observed: ObservedModel, *, is_new: bool
) -> tuple[list[Change], list[str]]:
    """The changes in the order of the writes, and notes about that order. `is_new` adds the
    creation of the model."""
    changes = list(_changes(desired, history, observed, is_new=is_new))
    if not changes:
        return [], []
    stages = {version.number: version.stage for version in observed.versions.values()}
    return order_writes(changes, stages)


def departures(desired: Desired, commit: Commit, observed: ObservedModel) -> list[Change]:
    """Every way in which MLflow departs from what a commit asks for, as the changes that would
    correct it."""
    history = ModelHistory(commit.sha, "known", (Point(commit, desired),))
    changes, _ = find_changes(desired, history, observed, is_new=False)
    return changes


def _changes(
    desired: Desired, history: ModelHistory, observed: ObservedModel, *, is_new: bool
) -> Iterator[Change]:
    if is_new:
        creator = history.made_by(lambda state: state is not None)
        yield Change("create_model", after=observed.name, commit=creator)
    yield from _registrations(desired, history, observed)
    yield from _transitions(desired, history, observed)
    yield from _field_changes(desired, history, observed)


def _registrations(
    desired: Desired, history: ModelHistory, observed: ObservedModel
) -> Iterator[Change]:
    for version, spec in sorted(desired.manifest.versions.items()):
        if version in observed.versions or not spec.can_be_registered:
            continue
        was_always_declared = history.base_state != "none" and all(
            _declares(version, point.desired) for point in history.points
        )
        yield Change(
            "register_version",
            version,
            after=spec.registered_from,
            cause="drift" if was_always_declared else "commit",
            commit=history.made_by(partial(_declares, version)),
            pin=spec,
        )


def _transitions(
    desired: Desired, history: ModelHistory, observed: ObservedModel
) -> Iterator[Change]:
    for version in sorted(observed.versions.keys() | desired.native_stages.keys()):
        holder = observed.versions.get(version)
        current = holder.stage if holder is not None else "None"
        stage = desired.native_stages.get(version)
        if stage is None and current in ACTIVE_STAGES:
            # MLflow keeps a version of a custom stage in no stage: its alias is the stage.
            stage = "None" if version in desired.custom_stages else "Archived"

        if stage is not None and stage != current:
            cause, commit = _cause(Field("stage", version), history)
            yield Change("transition", version, None, current, stage, cause, commit=commit)


def _field_changes(
    desired: Desired, history: ModelHistory, observed: ObservedModel
) -> Iterator[Change]:
    """Changes of aliases, tags and descriptions. Those of versions that are neither in MLflow nor
    to be registered have nothing to be written to."""
    specs = desired.manifest.versions.items()
    writable = observed.versions.keys() | {v for v, spec in specs if spec.can_be_registered}

    changes: dict[Field, Change] = {}
    for field in history.declared | desired.fields.keys():
        if field.kind == "stage" or (field.version is not None and field.version not in writable):
            continue
        expected = desired.fields.get(field, UNDECLARED)
        change = _field_change(field, expected, _observed_value(field, observed))
        if change is not None:
            changes[field] = change

    for field in sorted(changes, key=_field_order):
        cause, commit = _cause(field, history)
        yield replace(changes[field], cause=cause, commit=commit)


def _observed_value(field: Field, observed: ObservedModel) -> FieldValue:
    if field.kind == "alias":
        return observed.aliases.get(field.key or "")

    holder: ObservedModel | ObservedVersion | None = observed
    if field.version is not None:
        holder = observed.versions.get(field.version)
    if holder is None:
        return "" if field.kind == "description" else None
    return holder.description if field.kind == "description" else holder.tags.get(field.key or "")


def _field_change(field: Field, expected: object, actual: FieldValue) -> Change | None:
    """The write that takes a field to what is expected; None if it has that value. What is no
    longer declared is removed."""
    is_absent = expected is UNDECLARED or expected is None
    if field.kind == "description":
        text = "" if expected is UNDECLARED else str(expected)
        if text == actual:
            return None
        return Change("set_description", field.version, None, actual, text)

    if expected == actual or (is_absent and actual is None):
        return None
    if field.kind == "alias":
        if is_absent:
            return Change("delete_alias", None, field.key, actual, None)
        after = expected if isinstance(expected, int) else None
        return Change("set_alias", None, field.key, actual, after)
    if is_absent:
        return Change("delete_tag", field.version, field.key, actual, None)
    return Change("set_tag", field.version, field.key, actual, str(expected))


def _cause(field: Field, history: ModelHistory) -> tuple[Cause, Commit | None]:
    """`commit` if the field's history has more than one value or there is no base, else `drift`."""
    values = history.values(field)
    if history.base_state != "none" and all(value == values[0] for value in values):
        return "drift", None

    def value_in(state: Desired | None) -> object:
        return state.fields.get(field, UNDECLARED) if state else UNDECLARED

    return "commit", history.made_by(value_in)


def _field_order(field: Field) -> tuple[str, int, str]:
    return field.kind, field.version or 0, field.key or ""


def _declares(version: int, state: Desired | None) -> bool:
    return state is not None and version in state.manifest.versions
