"""Which versions are compared with their pins: something happens to them in MLflow or in git
(RULES R2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mlflow_gitops.core.history.model_history import ModelHistory
from mlflow_gitops.core.history.stage_entries import new_holders
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.manifest import VersionSpec
from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.core.plan.plan import Change
from mlflow_gitops.core.wording import and_list


def entering_versions(
    desired: Desired, history: ModelHistory, changes: Sequence[Change]
) -> set[int]:
    """The versions whose data and files are compared with their pins: something happens to them in
    MLflow or in git."""
    return moved_versions(changes) | _versions_changed_in_git(desired, history)


def files_to_compare(
    desired: Desired, history: ModelHistory, model: ObservedModel, changes: Sequence[Change]
) -> list[int]:
    """The versions whose files are compared with their pinned digest at reconcile."""
    if not any(spec.files_digest for spec in desired.manifest.versions.values()):
        return []
    from mlflow_gitops.core.verdicts.pinned_files import versions_to_read  # few pin digests

    registered = [
        change.version
        for change in changes
        if change.action == "register_version" and change.version is not None
    ]
    entering = entering_versions(desired, history, changes)
    return versions_to_read(desired, (desired.policy, *history.judges), model, entering, registered)


def digest_note(numbers: Iterable[int]) -> str:
    """What a plan that reads no files says about them."""
    versions = and_list([str(number) for number in numbers])
    return f"the files of {versions} are compared with the pinned digest at reconcile"


def moved_versions(changes: Sequence[Change]) -> set[int]:
    """The versions that these changes move into a stage or behind an alias, or register."""
    moved = {
        change.version
        for change in changes
        if change.version is not None and change.action in ("transition", "register_version")
    }
    return moved | {
        change.after
        for change in changes
        if change.action == "set_alias" and isinstance(change.after, int)
    }


def _versions_changed_in_git(desired: Desired, history: ModelHistory) -> set[int]:
    """The versions that git gives a stage or another data pin since the base. If somebody moved one
    in MLflow before the merge there is nothing left to move, and its pin is compared all the
    same."""
    base = history.before
    if history.base_state != "known" or base is desired:
        return set()

    base_specs = base.manifest.versions if base else {}
    entered = {version for _, version in new_holders(desired, base)}
    repinned = {
        version
        for version, spec in desired.manifest.versions.items()
        if _data_pin(spec) != _data_pin(base_specs.get(version, VersionSpec()))
    }
    return entered | repinned


def _data_pin(spec: VersionSpec) -> tuple[object, ...]:
    return spec.data, spec.dataset_digest, spec.metrics, spec.digest
