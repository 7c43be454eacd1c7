"""Carry a plan out: one model at a time, each write judged by reading back (DESIGN §6, RULES R5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from mlflow_gitops.core.manifest import VersionSpec
from mlflow_gitops.core.observed import AT_TAG, BASE_TAG, HIGHEST_TAG, PIN_TAG
from mlflow_gitops.core.plan import Change, ModelPlan, Refusal
from mlflow_gitops.errors import RegistryFailure

Result = Literal["applied", "unchanged", "deferred", "refused", "failed"]


class RegistryWriter(Protocol):
    """What applying needs of a registry; every method raises RegistryFailure."""

    def create_model(self, name: str) -> None: ...
    def register(
        self, name: str, source: str, run_id: str | None, model_id: str | None, tags: Mapping[str, str]
    ) -> int: ...
    def delete_version(self, name: str, version: int) -> None: ...
    def transition(self, name: str, version: int, stage: str) -> None: ...
    def set_alias(self, name: str, alias: str, version: int) -> None: ...
    def delete_alias(self, name: str, alias: str) -> None: ...
    def set_tag(self, name: str, version: int | None, key: str, value: str) -> None: ...
    def delete_tag(self, name: str, version: int | None, key: str) -> None: ...
    def set_description(self, name: str, version: int | None, text: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one model. `changes` were read back as applied; `error` says why the rest was not."""

    model: str
    result: Result
    changes: tuple[Change, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    error: str | None = None
    entered: tuple[tuple[str, int], ...] = ()
    """(stage, version) for each version that came to hold a stage."""


class _WrongNumber(Exception):
    """MLflow gave a registration another number than the pinned one."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal


def apply_models(
    plans: Sequence[ModelPlan],
    again: Callable[[str], ModelPlan],
    specs: Callable[[str], Mapping[int, VersionSpec]],
    registry: RegistryWriter,
) -> Iterator[Outcome]:
    """Apply each planned model and yield what became of it. One model's failure stops that model alone.

    `again` reads a model anew and plans it again: what is written is decided by what MLflow holds at that moment, not by
    what it held when the plan was shown. `specs` are a model's pinned versions, for registration.
    """
    for plan in plans:
        if plan.refusals and not plan.has_work:
            yield Outcome(plan.model, "refused", refusals=plan.refusals)
        elif not plan.has_work:
            yield Outcome(plan.model, "unchanged")
        else:
            yield _apply_model(plan.model, again, specs(plan.model), registry)


def _apply_model(
    name: str, again: Callable[[str], ModelPlan], specs: Mapping[int, VersionSpec], registry: RegistryWriter
) -> Outcome:
    try:
        plan = again(name)
    except RegistryFailure as error:
        return Outcome(name, "failed", error=str(error))
    if plan.refusals and not plan.has_work:
        return Outcome(name, "refused", refusals=plan.refusals)
    # Written last, when everything else was read back: a crash before it leaves the old base, and the next run goes on.
    seal = [stamp for stamp in plan.stamps if _is_seal(stamp)]
    failure: str | None = None
    refused: tuple[Refusal, ...] = plan.refusals
    try:
        for change in (*plan.applying, *(stamp for stamp in plan.stamps if stamp not in seal)):
            _write(name, change, specs, registry)
    except RegistryFailure as error:
        failure = str(error)
    except _WrongNumber as error:
        refused = (*refused, error.refusal)
    # What counts is what MLflow holds now, whatever the answers to the writes were.
    try:
        left = again(name)
    except RegistryFailure as error:
        said = failure or str(error)
        return Outcome(name, "failed", error=f"{said} What was written could not be read back.")
    undone = left.applying
    done = tuple(change for change in plan.applying if not any(_same(change, other) for other in undone))
    entered = tuple(
        (stage.stage, v) for stage in plan.stages for v in stage.after if _entered(stage.stage, v, plan, left)
    )
    if refused != plan.refusals:
        return Outcome(name, "refused", done, refused, entered=entered)
    if undone:
        failure = failure or "MLflow accepted the writes and shows something else; someone may be changing it too."
        return Outcome(name, "failed", done, refused, failure, entered)
    if failure is not None and any(not _is_seal(stamp) for stamp in left.stamps):
        return Outcome(name, "failed", done, refused, failure, entered)
    try:
        for stamp in seal:
            _write(name, stamp, specs, registry)
    except RegistryFailure as error:
        return Outcome(name, "failed", done, refused, str(error), entered)
    return Outcome(name, "refused" if refused else "applied", done, refused, entered=entered)


def _is_seal(stamp: Change) -> bool:
    return stamp.version is None and stamp.key in (AT_TAG, BASE_TAG)


def _same(change: Change, other: Change) -> bool:
    return (change.action, change.version, change.key, change.after) == (
        other.action,
        other.version,
        other.key,
        other.after,
    )


def _entered(stage: str, version: int, before: ModelPlan, now: ModelPlan) -> bool:
    return version not in before.observed.get(stage, ()) and version in now.observed.get(stage, ())


def _write(name: str, change: Change, specs: Mapping[int, VersionSpec], registry: RegistryWriter) -> None:
    version, key, after = change.version, change.key or "", change.after
    if change.action == "create_model":
        registry.create_model(name)
    elif change.action == "register_version":
        _register(name, version or 0, specs[version or 0], registry)
    elif change.action == "transition":
        registry.transition(name, version or 0, str(after))
    elif change.action == "set_alias":
        registry.set_alias(name, key, int(after or 0))
    elif change.action == "delete_alias":
        registry.delete_alias(name, key)
    elif change.action == "set_tag":
        registry.set_tag(name, version, key, str(after))
    elif change.action == "delete_tag":
        registry.delete_tag(name, version, key)
    else:
        registry.set_description(name, version, str(after))


def _register(name: str, version: int, spec: VersionSpec, registry: RegistryWriter) -> None:
    """Register a pinned version; if MLflow gives it another number, take that one back and refuse (RULES R2)."""
    tags = {PIN_TAG: f"{name}/{version}"}
    given = registry.register(name, spec.source or "", spec.run_id, spec.model_id, tags)
    if given == version:
        return
    registry.delete_version(name, given)
    registry.set_tag(name, None, HIGHEST_TAG, str(given))
    raise _WrongNumber(
        Refusal(
            "missing_version",
            f"MLflow gave {name} the number {given} where the manifest pins {version}; that version was deleted again",
            f"pin it as the next free number, {given + 1}",
        )
    )
