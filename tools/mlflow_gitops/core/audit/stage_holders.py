"""Who held which stage at one moment: as git declared it, or as MLflow really had it by the
receipts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlflow_gitops.core.audit.events import ModelTimeline, Stages, declared_stages
from mlflow_gitops.core.audit.receipts import Receipt
from mlflow_gitops.core.audit.recorded_model import RecordedModel
from mlflow_gitops.core.history.mainline import MainLine
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.names import NATIVE_STAGES

if TYPE_CHECKING:
    from mlflow_gitops.core.audit.record.drift import HealedDrift


@dataclass(frozen=True, slots=True)
class Since:
    """Since when a stage has its holders: the time, and the commit that put them there."""

    at: str
    commit: str


@dataclass(frozen=True, slots=True)
class StageHolders:
    """One model's stages at one moment. A stage that never held a version has no `since`."""

    model: str
    stages: Stages
    since: Mapping[str, Since]
    entered: Mapping[tuple[str, int], Since] = field(default_factory=dict)
    """By receipts: when each version came into its stage, which others may have held already."""
    drift: Sequence[HealedDrift] = ()
    """By receipts: what a later run found to be otherwise and healed. Nobody knows whether it was
    so at the moment already."""


def declared_holders(timeline: ModelTimeline, index: int) -> StageHolders | None:
    """What git declared for a model after a commit of the line; None if the model had no readable
    manifest yet."""
    desired = timeline.desired_at(index)
    if desired is None:
        return None

    stages = declared_stages(desired)
    events = {stage: timeline.event_behind(stage, index) for stage in stages}
    since = {
        stage: Since(event.commit.at, event.commit.sha)
        for stage, event in events.items()
        if event is not None
    }
    return StageHolders(timeline.model, stages, since)


def applied_holders(
    timeline: ModelTimeline, line: MainLine, receipts: Iterable[Receipt]
) -> StageHolders | None:
    """What MLflow had after the last of these receipts, which are oldest first; None if none of
    them is about the model.

    A run that applied the model left it as its commit declared it. What other runs wrote, and what
    was archived on the way, is taken from the recorded changes, those of interrupted runs too
    (`already_applied`). What people did directly in MLflow is seen only if a later run healed it.
    """
    state = _RecordedStages()
    is_recorded = False
    for receipt in receipts:
        index = line.index[receipt.commit]
        for recorded in receipt.models():
            if not timeline.is_about(recorded.model, index):
                continue
            desired = timeline.desired_at(index)
            state.apply(recorded, desired, Since(receipt.at, receipt.commit))
            is_recorded = is_recorded or bool(
                recorded.is_applied or recorded.changes or recorded.already_applied
            )

    if not is_recorded:
        return None
    stages = state.stages()
    since = {stage: state.since[stage] for stage in stages if stage in state.since}
    entries = {(stage, version) for stage, versions in stages.items() for version in versions}
    entered = {entry: state.entered[entry] for entry in entries if entry in state.entered}
    return StageHolders(timeline.model, stages, since, entered)


@dataclass(slots=True)
class _RecordedStages:
    """The state that the changes of all receipts so far add up to. `native` maps a version to its
    stage, `aliased` the team's own stages and the declared aliases to their holders."""

    native: dict[int, str] = field(default_factory=dict)
    aliased: dict[str, tuple[int, ...]] = field(default_factory=dict)
    since: dict[str, Since] = field(default_factory=dict)
    entered: dict[tuple[str, int], Since] = field(default_factory=dict)

    def apply(self, recorded: RecordedModel, desired: Desired | None, since: Since) -> None:
        """Take in what one receipt records about the model, whose commit declared `desired`."""
        before = self.stages()

        for change in (*recorded.already_applied, *recorded.changes):
            self._write(change, desired)
        if recorded.is_applied:
            self._settle(desired)

        after = self.stages()
        for stage in {*before, *after}:
            has_moved = before.get(stage, ()) != after.get(stage, ())
            is_first = recorded.is_applied and stage not in self.since
            if has_moved or is_first:
                self.since[stage] = since
            self._enter(stage, before.get(stage, ()), after.get(stage, ()), since)

    def _enter(
        self, stage: str, before: tuple[int, ...], after: tuple[int, ...], since: Since
    ) -> None:
        """Note which versions came into a stage. One that stays keeps the time at which it came."""
        for version in set(before) - set(after):
            self.entered.pop((stage, version), None)
        for version in after:
            self.entered.setdefault((stage, version), since)

    def stages(self) -> dict[str, tuple[int, ...]]:
        """The stages that hold a version, in the order of their names."""
        stages = {stage: holders for stage, holders in self.aliased.items() if holders}
        for stage in NATIVE_STAGES:
            holders = sorted(version for version, native in self.native.items() if native == stage)
            if holders:
                stages[stage] = tuple(holders)
        return dict(sorted(stages.items()))

    def _write(self, change: Mapping[str, Any], desired: Desired | None) -> None:
        """Carry out one recorded change, if it is about a stage or a declared alias."""
        action, version, after = change.get("action"), change.get("version"), change.get("to")
        if action == "transition" and type(version) is int and isinstance(after, str):
            self.native[version] = after
        elif action in ("set_alias", "delete_alias"):
            stage = self._stage_of_alias(str(change.get("key")), desired)
            if stage is not None:
                is_set = action == "set_alias" and type(after) is int
                self.aliased[stage] = (after,) if is_set and isinstance(after, int) else ()

    def _settle(self, desired: Desired | None) -> None:
        """Make all as a commit declared it. A version that was archived on the way, and is not
        declared, stays in Archived."""
        archived = {version: stage for version, stage in self.native.items() if stage == "Archived"}
        self.native = {**archived, **(desired.native_stages if desired else {})}
        self.aliased = {
            stage: holders
            for stage, holders in declared_stages(desired).items()
            if stage not in NATIVE_STAGES
        }

    def _stage_of_alias(self, alias: str, desired: Desired | None) -> str | None:
        """What an alias stands for: itself (`@alias`) if it is declared, the team's own stage that
        is kept as it; None for any other."""
        if f"@{alias}" in self.aliased or (desired and alias in desired.manifest.aliases):
            return f"@{alias}"
        if desired is None:
            return None

        stage = desired.policy.stage_aliases.get(alias)
        is_own = stage is not None and not desired.policy.stages[stage].native
        return stage if is_own else None
