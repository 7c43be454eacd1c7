"""Who held which stage at one moment: by git, which is what was wanted, or by the receipts, which
is what MLflow really had."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlflow_gitops.core.audit.events import ModelTimeline, Stages, declared_stages
from mlflow_gitops.core.audit.receipts import Receipt
from mlflow_gitops.core.history.mainline import MainLine
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.names import NATIVE_STAGES


@dataclass(frozen=True, slots=True)
class Since:
    """When a stage came to be as it is: the time, and the commit that it is by."""

    at: str
    commit: str


@dataclass(frozen=True, slots=True)
class StageHolders:
    """One model's stages at one moment. A stage that never held a version has no `since`."""

    model: str
    stages: Stages
    since: Mapping[str, Since]


def declared_holders(course: ModelTimeline, index: int) -> StageHolders | None:
    """What git wanted of a model after a commit of the line; None where it had no manifest that
    could be read yet."""
    desired = course.desired_at(index)
    if desired is None:
        return None
    since = {}
    for stage in (stages := declared_stages(desired)):
        if event := course.event_behind(stage, index):
            since[stage] = Since(event.commit.at, event.commit.sha)
    return StageHolders(course.model, stages, since)


def applied_holders(
    course: ModelTimeline, line: MainLine, receipts: Iterable[Receipt]
) -> StageHolders | None:
    """What MLflow had after the last of these receipts, which are in the order in which they were
    written; None where none of them tells of the model.

    A run that applied the model left it as its commit wanted; what other runs wrote of it, and what
    was archived on the way, is read off their changes, and off what they found that a run had done
    which left no receipt. What people did in MLflow beside is seen only where a later run healed
    it.
    """
    held = _RecordedStages()
    told = False
    for receipt in receipts:
        for entry in receipt.models():
            if entry.get("model") != course.model:
                continue
            desired = course.desired_at(line.index[receipt.commit])
            applied = entry.get("result") == "applied"
            changes = [
                one
                for key in ("found", "changes")
                if isinstance(of := entry.get(key), list)
                for one in of
            ]
            told = told or applied or bool(changes)
            before = held.stages()
            for change in changes:
                held.write(change, desired)
            if applied:
                held.settle(desired)
            after = held.stages()
            for stage in {*before, *after}:
                if before.get(stage, ()) != after.get(stage, ()) or (
                    applied and stage not in held.since
                ):
                    held.since[stage] = Since(receipt.at, receipt.commit)
    stages = held.stages()
    return (
        StageHolders(course.model, stages, {s: held.since[s] for s in stages if s in held.since})
        if told
        else None
    )


@dataclass(slots=True)
class _RecordedStages:
    """The state that the receipts' writes add up to."""

    native: dict[int, str] = field(default_factory=dict)
    aliased: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """The team's own stages and declared aliases."""
    since: dict[str, Since] = field(default_factory=dict)

    def write(self, change: Any, desired: Desired | None) -> None:
        """Carry out one recorded change, as far as it is about a stage or a declared alias."""
        if not isinstance(change, dict):
            return
        action, version, key, to = (change.get(name) for name in ("action", "version", "key", "to"))
        if action == "transition" and type(version) is int and isinstance(to, str):
            self.native[version] = to
        elif action in ("set_alias", "delete_alias"):
            name = self._stage_of_alias(str(key), desired)
            if name is not None:
                self.aliased[name] = (to,) if action == "set_alias" and type(to) is int else ()

    def settle(self, desired: Desired | None) -> None:
        """All is as a commit wanted; what it did not name and held a stage before stands in
        Archived."""
        wanted = declared_stages(desired)
        native = desired.native_stages if desired else {}
        kept = {version: stage for version, stage in self.native.items() if stage == "Archived"}
        self.native = {**kept, **native}
        self.aliased = {stage: held for stage, held in wanted.items() if stage not in NATIVE_STAGES}

    def stages(self) -> dict[str, tuple[int, ...]]:
        """Stages that hold something, in the order of their names."""
        found: dict[str, tuple[int, ...]] = {
            stage: held for stage, held in self.aliased.items() if held
        }
        for stage in NATIVE_STAGES:
            if versions := tuple(
                sorted(version for version, there in self.native.items() if there == stage)
            ):
                found[stage] = versions
        return dict(sorted(found.items()))

    def _stage_of_alias(self, alias: str, desired: Desired | None) -> str | None:
        """What an alias is: a declared one, or a stage of the team's own that is kept as it."""
        if f"@{alias}" in self.aliased or (desired and alias in desired.manifest.aliases):
            return f"@{alias}"
        stage = desired.policy.stage_aliases.get(alias) if desired else None
        return stage if desired and stage and not desired.policy.stages[stage].native else None
