"""The writes of one model's plan, in their order (RULES R5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Protocol

from mlflow_gitops.app.reconciling.writing.shared_reads import ReadOne
from mlflow_gitops.core.manifests.manifest import VersionSpec
from mlflow_gitops.core.manifests.origin_pin import OriginPin
from mlflow_gitops.core.observed.model import AT_TAG, BASE_TAG, HIGHEST_TAG, PIN_TAG, ObservedModel
from mlflow_gitops.core.plan.plan import Change, ModelPlan
from mlflow_gitops.core.verdicts.verdict import Refusal
from mlflow_gitops.errors import RegistryFailure


class RegistryWriter(Protocol):
    """What applying needs of a registry. Every method raises RegistryFailure."""

    def read(self, name: str) -> ObservedModel | None: ...
    def bring(self, pin: OriginPin) -> VersionSpec: ...
    def create_model(self, name: str) -> None: ...
    def register(
        self,
        name: str,
        source: str,
        run_id: str | None,
        model_id: str | None,
        tags: Mapping[str, str],
    ) -> int: ...
    def delete_version(self, name: str, version: int) -> None: ...
    def transition(self, name: str, version: int, stage: str) -> None: ...
    def set_alias(self, name: str, alias: str, version: int) -> None: ...
    def delete_alias(self, name: str, alias: str) -> None: ...
    def set_tag(self, name: str, version: int | None, key: str, value: str) -> None: ...
    def delete_tag(self, name: str, version: int | None, key: str) -> None: ...
    def set_description(self, name: str, version: int | None, text: str) -> None: ...


class WrongNumberError(Exception):
    """MLflow gave a registration another number than the pinned one."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal


def with_copies(plan: ModelPlan, registry: RegistryWriter) -> ModelPlan:
    """Copy the versions that other environments made, and pin each registration to its copy.

    This comes before the first write to the model: after it, nothing that the plan needs can still
    be refused.
    """

    def copied(change: Change) -> Change:
        is_registration = change.action == "register_version" and change.applies
        if not is_registration or change.pin is None or change.pin.origin is None:
            return change
        return replace(change, pin=registry.bring(change.pin.origin))

    return replace(plan, changes=tuple(copied(change) for change in plan.changes))


class WriteLog(Protocol):
    """Notes each write of one model: before it is made, and when MLflow has answered that it is
    done."""

    def begin_write(self, change: Change) -> None: ...
    def end_write(self, change: Change) -> None: ...


def write_all(
    name: str, plan: ModelPlan, registry: RegistryWriter, log: WriteLog, read: ReadOne
) -> None:
    """Make a plan's writes, except for the seal.

    Before each move except for the first, the versions that move are read again. MLflow (3.17)
    cannot compare before it writes, and a move based on what another reconciler has changed in the
    meantime could leave a stage empty. Only the moment between that reading and the write remains.
    """
    stages = {
        change.version or 0: change.before
        for change in plan.applying
        if change.action == "transition"
    }
    has_moved = False
    for change in (*plan.applying, *(stamp for stamp in plan.stamps if not is_seal(stamp))):
        is_move = change.action == "transition"
        if is_move and has_moved:
            _check_unmoved(name, stages, read)
        _write_logged(name, change, registry, log)
        if is_move:
            has_moved = True
            stages[change.version or 0] = change.after


def write_seal(
    name: str, stamps: Iterable[Change], registry: RegistryWriter, log: WriteLog
) -> None:
    """Write the model's own stamps, after everything else was read back."""
    for stamp in stamps:
        _write_logged(name, stamp, registry, log)


def is_seal(stamp: Change) -> bool:
    """Whether a stamp is one of those that say that the whole model was reconciled."""
    return stamp.version is None and stamp.key in (AT_TAG, BASE_TAG)


def _check_unmoved(name: str, stages: Mapping[int, object], read: ReadOne) -> None:
    """Raise RegistryFailure unless each of these versions is still in the stage given."""
    observed = read(name)
    versions = observed.versions if observed else {}
    for number, stage in stages.items():
        if number not in versions or versions[number].stage != stage:
            raise RegistryFailure(f"Someone else is moving versions of {name}.", transient=True)


def _write_logged(name: str, change: Change, registry: RegistryWriter, log: WriteLog) -> None:
    log.begin_write(change)
    _write(name, change, registry)
    log.end_write(change)


def _write(name: str, change: Change, registry: RegistryWriter) -> None:
    version, key, after = change.version, change.key or "", change.after
    match change.action:
        case "create_model":
            registry.create_model(name)
        case "register_version":
            _register(name, version or 0, change.pin or VersionSpec(), registry)
        case "transition":
            registry.transition(name, version or 0, str(after))
        case "set_alias":
            registry.set_alias(name, key, int(after or 0))
        case "delete_alias":
            registry.delete_alias(name, key)
        case "set_tag":
            registry.set_tag(name, version, key, str(after))
        case "delete_tag":
            registry.delete_tag(name, version, key)
        case "set_description":
            registry.set_description(name, version, str(after))


def _register(name: str, version: int, spec: VersionSpec, registry: RegistryWriter) -> None:
    """Register a pinned version. If MLflow gives it another number, delete that one and refuse
    (RULES R2)."""
    number = _registered_number(name, version, spec, registry)
    if number == version:
        return

    registry.delete_version(name, number)
    registry.set_tag(name, None, HIGHEST_TAG, str(number))
    raise WrongNumberError(
        Refusal(
            "missing_version",
            f"MLflow gave {name} the number {number} where the manifest pins {version}; that"
            " version was deleted again",
            f"pin it as the next free number, {number + 1}",
            version=version,
            expected=str(version),
            actual=str(number),
        )
    )


def _registered_number(name: str, version: int, spec: VersionSpec, registry: RegistryWriter) -> int:
    """The number that MLflow gives to a new version.

    If the answer is lost, the version is looked up by its pin. If it is not there, it may still
    appear, so this run does not request it again: no version is registered twice.
    """
    pin = f"{name}/{version}"
    tags = {**(spec.tags if spec.origin else {}), PIN_TAG: pin}
    try:
        return registry.register(name, spec.source or "", spec.run_id, spec.model_id, tags)
    except RegistryFailure as failure:
        observed = registry.read(name)
        versions = observed.versions.values() if observed else ()
        numbers = [candidate.number for candidate in versions if candidate.tags.get(PIN_TAG) == pin]
        if not numbers:
            raise RegistryFailure(
                f"{failure} Version {version} is not in MLflow; the next run reads again."
            ) from failure
        return max(numbers)
