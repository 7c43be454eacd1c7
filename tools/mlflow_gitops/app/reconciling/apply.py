"""Carry a plan out: models side by side, one writer a model, each write judged by reading back
(DESIGN §6, RULES R5)."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from typing import Protocol

from mlflow_gitops.core.manifests.manifest import VersionSpec
from mlflow_gitops.core.manifests.origin_pin import OriginPin
from mlflow_gitops.core.observed.model import AT_TAG, BASE_TAG, HIGHEST_TAG, PIN_TAG, ObservedModel
from mlflow_gitops.core.plan.outcome import Outcome, Result
from mlflow_gitops.core.plan.plan import Change, ModelPlan
from mlflow_gitops.core.verdicts.verdict import Refusal
from mlflow_gitops.errors import Refused, RegistryFailure, shortage

_PAUSES = (1.0, 2.0, 4.0)
"""Seconds to wait after each passing failure of the server (429, 5xx, a lost connection) before
reading again."""


class RegistryWriter(Protocol):
    """What applying needs of a registry; every method raises RegistryFailure."""

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


class _WrongNumberError(Exception):
    """MLflow gave a registration another number than the pinned one."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal


def apply_models(
    plans: Sequence[ModelPlan],
    again: Callable[[str], ModelPlan],
    registry: RegistryWriter,
    writers: int = 1,
    keep: Callable[[Outcome], None] = lambda outcome: None,
) -> Generator[Outcome]:
    """Apply the planned models, up to `writers` side by side, and yield what became of each, in the
    order they finish.

    One writer a model: parallel writes to one model race inside MLflow (3.17). One model's failure
    stops that model alone. `again` reads a model anew and plans it again: what is written is
    decided by what MLflow holds at that moment, not by what it held when the plan was shown. `keep`
    gets every outcome as well, from the thread that has it. When the caller stops early (Ctrl-C)
    and closes the iterator, models not begun are left alone, and those under way are finished and
    kept.
    """

    def kept(outcome: Outcome) -> Outcome:
        keep(outcome)
        return outcome

    begun = []
    for plan in plans:
        if plan.has_work:
            begun.append(plan.model)
        elif plan.refusals:
            yield kept(
                Outcome(
                    plan.model,
                    "refused",
                    refusals=plan.refusals,
                    gates=plan.gates,
                    people=plan.people,
                )
            )
        elif plan.deferred:
            yield kept(
                Outcome(
                    plan.model,
                    "deferred",
                    gates=plan.gates,
                    deferred=plan.deferred,
                    people=plan.people,
                )
            )
        else:
            yield kept(Outcome(plan.model, "unchanged"))
    with ThreadPoolExecutor(max_workers=max(1, writers), thread_name_prefix="apply") as pool:
        running = [
            pool.submit(lambda name: kept(_apply_model(name, again, registry)), name)
            for name in begun
        ]
        try:
            for done in as_completed(running):
                yield done.result()
        finally:
            for waiting in running:
                waiting.cancel()


def _apply_model(name: str, again: Callable[[str], ModelPlan], registry: RegistryWriter) -> Outcome:
    """Write one model. Where the server fails in passing, read again and go on from what is there."""
    progress = _Progress()
    error = ""
    for pause in (*_PAUSES, None):
        try:
            plan = progress.settle(again(name))
            if plan.has_work:
                plan = _with_copies(plan, registry)
                progress.attempted = plan
                _write_all(name, plan, registry)
                plan = progress.settle(again(name))
                if progress.overtaken:
                    break
                if plan.applying or not all(_is_seal(stamp) for stamp in plan.stamps):
                    raise RegistryFailure(
                        "MLflow took the writes and shows something else; someone may be"
                        " changing it."
                    )
                for stamp in plan.stamps:
                    _write(name, stamp, registry)
                progress.sealed = True
            return progress.outcome(name, plan.refusals)
        except _WrongNumberError as wrong:
            return progress.settled(name, again, refusals=(wrong.refusal,))
        except Refused as refused:
            way = "it is not the version that was reviewed; promote it again after looking at it"
            return progress.settled(name, again, refusals=(Refusal("pin", str(refused), way),))
        except RegistryFailure as failure:
            error = str(failure)
            if not failure.transient or pause is None:
                break
            time.sleep(pause)
        except OSError as lacking:  # a copy's artifacts are kept on a disk of ours meanwhile
            error = shortage(lacking) or ""
            if not error:
                raise
            break
    return progress.settled(name, again, error=error)


def _with_copies(plan: ModelPlan, registry: RegistryWriter) -> ModelPlan:
    """A plan whose registrations say where the copies of other environments' versions lie here.
    They are made before the first write to the model, which then lacks nothing that could still be
    refused."""
    changes = [
        (
            replace(one, pin=registry.bring(one.pin.origin))
            if one.action == "register_version" and one.applies and one.pin and one.pin.origin
            else one
        )
        for one in plan.changes
    ]
    return replace(plan, changes=tuple(changes))


def _write_all(name: str, plan: ModelPlan, registry: RegistryWriter) -> None:
    """Make a plan's writes, all but the seal. Before every move but the first, the versions that
    move are looked at again: MLflow (3.17) cannot compare before it writes, and a move decided on
    what another reconciler has changed meanwhile could leave a stage empty. What is left is the
    moment between that reading and the write."""
    moves = {
        change.version or 0: change.before
        for change in plan.applying
        if change.action == "transition"
    }
    begun = False
    for change in (*plan.applying, *(stamp for stamp in plan.stamps if not _is_seal(stamp))):
        is_move = change.action == "transition"
        if is_move and begun:
            seen = registry.read(name)
            versions = seen.versions if seen else {}
            if any(
                number not in versions or versions[number].stage != stage
                for number, stage in moves.items()
            ):
                raise RegistryFailure(f"Someone else is moving versions of {name}.", transient=True)
        _write(name, change, registry)
        if is_move:
            begun, moves[change.version or 0] = True, change.after


class _Progress:
    """What one model's writes have come to, judged by reading alone."""

    def __init__(self) -> None:
        self.attempted: ModelPlan | None = None
        self.sealed = False
        self.overtaken = False
        """Whether another run took the model over meanwhile: what this one wrote can then not be
        told from what that did."""
        self._changes: list[Change] = []
        self._entered: list[tuple[str, int]] = []
        self._judged: ModelPlan | None = None

    def settle(self, now: ModelPlan) -> ModelPlan:
        """Note which of the attempted writes MLflow shows as done; return the plan of what is left."""
        # The first reading's verdicts: after a write the stamps would make a rollback of what has
        # just been promoted.
        self._judged = self._judged or now
        if (tried := self.attempted) is not None:
            self.attempted = None
            if now.sync == "Unknown":
                self.overtaken = True
                return now
            self._changes += [
                one for one in tried.applying if not any(_same(one, left) for left in now.applying)
            ]
            self._entered += [
                (row.stage, version)
                for row in tried.stages
                for version in row.after
                if version not in row.before and version in now.observed.get(row.stage, ())
            ]
        return now

    def outcome(
        self, name: str, refusals: tuple[Refusal, ...], error: str | None = None
    ) -> Outcome:
        if self.overtaken and not error:
            error = (
                "Another run reconciled it meanwhile; what this one wrote before that is not told."
            )
        written = self._changes or self.sealed
        judged = self._judged
        deferred = judged.deferred if judged else None
        result: Result = (
            "failed" if error
            else "refused" if refusals
            else "deferred" if deferred
            else "applied" if written
            else "unchanged"
        )  # fmt: skip
        gates = judged.gates if judged else ()
        people = judged.people if judged else {}
        found = judged.found if judged else ()
        return Outcome(
            name,
            result,
            tuple(self._changes),
            refusals,
            error,
            tuple(self._entered),
            gates,
            deferred,
            people,
            found,
        )

    def settled(
        self,
        name: str,
        again: Callable[[str], ModelPlan],
        refusals: tuple[Refusal, ...] = (),
        error: str | None = None,
    ) -> Outcome:
        """The outcome after a failure: what was written before it is read back once more."""
        try:
            refusals = (*self.settle(again(name)).refusals, *refusals)
        except RegistryFailure as failure:
            error = f"{error or failure} What was written could not be read back."
        return self.outcome(name, refusals, error)


def _is_seal(stamp: Change) -> bool:
    return stamp.version is None and stamp.key in (AT_TAG, BASE_TAG)


def _same(change: Change, other: Change) -> bool:
    return (change.action, change.version, change.key, change.after) == (
        other.action,
        other.version,
        other.key,
        other.after,
    )


def _write(name: str, change: Change, registry: RegistryWriter) -> None:
    version, key, after = change.version, change.key or "", change.after
    if change.action == "create_model":
        registry.create_model(name)
    elif change.action == "register_version":
        _register(name, version or 0, change.pin or VersionSpec(), registry)
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
    """Register a pinned version; if MLflow gives it another number, take that one back and refuse
    (RULES R2). Where the answer is lost, the version is looked up by its pin; where it is not there
    yet, it may still come, so that this run does not ask again: no version is registered twice."""
    pin = f"{name}/{version}"
    try:
        about = {**(spec.tags if spec.origin else {}), PIN_TAG: pin}
        given = registry.register(name, spec.source or "", spec.run_id, spec.model_id, about)
    except RegistryFailure as failure:
        seen = registry.read(name)
        there = (
            [v.number for v in seen.versions.values() if v.tags.get(PIN_TAG) == pin] if seen else []
        )
        if not there:
            raise RegistryFailure(
                f"{failure} Version {version} is not there; the next run looks again."
            ) from failure
        given = max(there)
    if given == version:
        return
    registry.delete_version(name, given)
    registry.set_tag(name, None, HIGHEST_TAG, str(given))
    raise _WrongNumberError(
        Refusal(
            "missing_version",
            f"MLflow gave {name} the number {given} where the manifest pins {version}; that version"
            " was deleted again",
            f"pin it as the next free number, {given + 1}",
        )
    )
