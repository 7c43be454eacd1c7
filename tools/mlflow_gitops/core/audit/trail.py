"""The audit trail: git's events with the people behind them, the gates that they overrode, and when
they took effect (RULES R6, R7)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, NamedTuple

from mlflow_gitops.core.audit.events import Event
from mlflow_gitops.core.audit.ledger import AppliedRun, Ledger
from mlflow_gitops.core.history.line.renames import Renames
from mlflow_gitops.core.history.mainline import Commit, MainLine, Merged, StatedMessage
from mlflow_gitops.core.history.people import People, RecordedPeople, people_of
from mlflow_gitops.core.manifests.names import file_stem, folded, model_of
from mlflow_gitops.core.manifests.policy import ModelPolicy
from mlflow_gitops.core.manifests.registry_folder import RegistryFolder, stem_of

if TYPE_CHECKING:
    from mlflow_gitops.core.health.recorded_health import RecordedHealth


@dataclass(frozen=True, slots=True)
class Effect:
    """Whether an event took effect. `at` is when a reconcile applied it, or when a later commit
    superseded it before any did. `adopted`: the first run that came to the model found it so in
    MLflow, and nobody knows since when. `unchanged`: MLflow shows nothing of the change, so that no
    run had to apply it; `at` is the time of the commit."""

    at: str
    result: Literal["applied", "adopted", "superseded", "unchanged"]


@dataclass(frozen=True, slots=True)
class UsedOverride:
    """A gate that a `Gate-Override:` line in the change's messages replaces, and its reason. From a
    `receipt`: the run that applied the change recorded the gate as overridden. From a `message`: no
    receipt says whether it was; the line only states it."""

    gate: str
    reason: str
    source: Literal["receipt", "message"] = "receipt"

    @property
    def claim(self) -> str:
        """` (stated)` after what only a message says, else nothing."""
        return " (stated)" if self.source == "message" else ""


class AuditedEvent(NamedTuple):
    """An event with everything that is known about it. `effect` is None if no receipt covers it,
    `run` is the one that applied it."""

    event: Event
    people: People
    overrides: tuple[UsedOverride, ...] = ()
    effect: Effect | None = None
    authored: Commit | None = None
    """The commit whose author is named: of a true merge, the newest that changed the manifest."""
    signed_by: str | None = None
    """The principal whose key of `allowed_signers` signed that commit; None if none did."""
    run: AppliedRun | None = None

    @property
    def health(self) -> list[RecordedHealth]:
        """How the versions did that left the stage, as the receipt of `run` records it."""
        of_run = self.run.recorded.health if self.run is not None else []
        return [recorded for recorded in of_run if recorded.stage == self.event.stage]

    @property
    def unhealthy(self) -> list[str]:
        """A sentence about each version that was unhealthy when it left. Anybody who can push
        receipts can write anything into them, so it is not safe to print yet."""
        return [recorded.sentence for recorded in self.health if recorded.state == "unhealthy"]

    @property
    def other_signer(self) -> str | None:
        """Who signed the commit, if that is not the author whom it claims; else None."""
        if self.signed_by is None:
            return None
        from mlflow_gitops.core.history.signers import names_person  # few commits are signed

        is_author = names_person(self.signed_by, (self.authored or self.event.commit).author)
        return None if is_author else self.signed_by


class EventAuditor:
    """Adds to events what is known about them. `changes` are all `stage` events of the models in
    question, oldest first; `merged` maps a true merge's index to the commits that it brought in,
    newest first; `policy_before` gives the policy that judged a commit's change of a model."""

    def __init__(
        self,
        line: MainLine,
        registry: RegistryFolder,
        changes: Iterable[Event],
        ledger: Ledger,
        merged: Mapping[int, Sequence[Merged]],
        policy_before: Callable[[Commit, str], ModelPolicy],
        renames: Renames | None = None,
    ) -> None:
        self._line = line
        self._registry = registry
        self._ledger = ledger
        self._merged = merged
        self._policy_before = policy_before
        self._renames = renames
        self._runs_of: dict[str, Sequence[AppliedRun]] = {}
        self._stems: dict[tuple[str, int], str] = {}
        self._people: tuple[Commit, People] | None = None
        self._stage_events = changes

    def audit(self, event: Event) -> AuditedEvent:
        """One event with the people, overrides and effect. What only receipts record has none."""
        if event.kind in ("drift", "flaw"):
            return AuditedEvent(event, People(""))
        merged = self._brought_in(event) if event.index in self._line.merges else None
        vouched = self._ledger.vouched(event.model, event.commit.sha) if event.model else None
        is_stage = event.kind == "stage"
        run = self._first_run(event) if is_stage and self._ledger.receipts else None
        superseded = self._superseded(event, run) if run else None
        if event.is_unseen and self._ledger.receipts:
            superseded = Effect(event.commit.at, "unchanged")
        applied = run if superseded is None else None
        # Few commits override a gate, and few histories are short.
        may_override = merged or "Gate-Override:" in event.commit.message
        overrides = tuple(self._overrides(event, merged or (), applied)) if may_override else ()
        return AuditedEvent(
            event,
            self._people_of(event.commit, merged, vouched),
            overrides,
            superseded or (self._effect(event, run) if run else None),
            merged[0] if merged else event.commit,
            run=applied,
        )

    def _people_of(
        self, commit: Commit, merged: Sequence[Commit] | None, vouched: RecordedPeople | None
    ) -> People:
        """The people behind a commit, which may have made several events, one after the other."""
        if merged is not None or vouched is not None:
            return people_of(commit, merged, vouched)
        if self._people is None or self._people[0] is not commit:
            self._people = commit, people_of(commit)
        return self._people[1]

    def _brought_in(self, event: Event) -> list[Commit]:
        """The commits of a true merge that changed the event's file."""
        return [
            merged.commit
            for merged in self._merged.get(event.index, ())
            if any(_is_about(self._registry, path, event) for path in merged.paths)
        ]

    def _overrides(
        self, event: Event, merged: Sequence[Commit], run: AppliedRun | None
    ) -> Iterable[UsedOverride]:
        """The overrides with a reason, for a gate of the stage that can be overridden by the
        policy. If `run`, which applied the event, recorded verdicts about that gate, only those
        count that it found overridden: a gate may have passed by itself."""
        commits = (event.commit, *merged)
        if not any("Gate-Override:" in commit.message for commit in commits) or not event.enters:
            return

        from mlflow_gitops.core.verdicts.overrides import overrides  # few commits override a gate

        messages = [StatedMessage(commit.message, commit.author) for commit in commits]
        model, stage = event.model or "", event.stage or ""
        policy = self._policy_before(event.commit, model)
        rule = policy.stages.get(stage)
        overridable = set(rule.gates.names) & policy.overrides if rule else set()

        reasons: dict[str, str] = {}
        for line in overrides(messages):
            if line.means(model, stage) and line.reason and line.gate in overridable:
                reasons.setdefault(line.gate, line.reason)

        yield from _counted(event, reasons, run)

    def _first_run(self, event: Event) -> AppliedRun | None:
        """The first run, at the event's commit or later on the line, in which the model was
        applied."""
        runs = self._runs(event)
        first = bisect_left(runs, event.index, key=lambda run: run.index)
        return runs[first] if first < len(runs) else None

    def _runs(self, event: Event) -> Sequence[AppliedRun]:
        """The runs in which an event's model was applied, under whatever name it had then."""
        if self._renames is None:
            return self._ledger.applied(event.model or "")
        stem = self._last_stem(event)
        if stem not in self._runs_of:
            self._runs_of[stem] = self._ledger.applied_as(self._renames.periods(stem))
        return self._runs_of[stem]

    def _last_stem(self, event: Event) -> str:
        """The stem of the last name of an event's model: a change under any of its names is one of
        it."""
        key = event.model or "", event.index
        if key not in self._stems:
            stem = file_stem(key[0])
            if self._renames is not None and self._renames.renamed_away(stem):
                from mlflow_gitops.core.history.line.reused_names import later_stem  # rare

                stem = later_stem(self._renames, stem, event.index)
            self._stems[key] = stem
        return self._stems[key]

    @cached_property
    def _changes(self) -> Mapping[tuple[str, str | None], Sequence[Event]]:
        """The events of each stage of a model. Without receipts, none is needed."""
        changes: dict[tuple[str, str | None], list[Event]] = {}
        for event in self._stage_events:
            changes.setdefault((self._last_stem(event), event.stage), []).append(event)
        return changes

    def _effect(self, event: Event, run: AppliedRun) -> Effect:
        """How a run brought an event about. The first run that came to a model may have found the
        versions in the stage already."""
        is_first = self._runs(event)[0] is run and not run.receipt.is_recovered
        is_adopted = is_first and _was_there(event, run)
        return Effect(run.at, "adopted" if is_adopted else "applied")

    def _superseded(self, event: Event, run: AppliedRun) -> Effect | None:
        """The change by which the stage changed again before a run; None if it did not."""
        changes = self._changes[self._last_stem(event), event.stage]
        following = bisect_right(changes, event.index, key=lambda change: change.index)
        if following < len(changes) and changes[following].index <= run.index:
            return Effect(changes[following].commit.at, "superseded")
        return None


def _is_about(registry: RegistryFolder, path: str, event: Event) -> bool:
    """Whether a path is the file that an event is about."""
    kind = registry.classify(path)
    if event.stem is None:
        return kind == "policy"
    if kind != "manifest":
        return False
    stem = stem_of(path)
    return stem == event.stem or folded(model_of(stem)) == folded(model_of(event.stem))


def _counted(
    event: Event, reasons: Mapping[str, str], run: AppliedRun | None
) -> Iterator[UsedOverride]:
    """The overrides that a run recorded, and those of gates about which it recorded nothing.
    `reasons` maps the gates to the reasons that messages state."""
    verdicts = run.recorded.verdicts() if run else frozenset()
    for gate, reason in reasons.items():
        statuses = {
            status
            for judged_stage, version, judged_gate, status in verdicts
            if (judged_stage, judged_gate) == (event.stage, gate) and version in event.enters
        }
        if not statuses:
            yield UsedOverride(gate, reason, "message")
        elif "overridden" in statuses:
            yield UsedOverride(gate, reason)


def _was_there(event: Event, run: AppliedRun) -> bool:
    """Whether a run recorded that MLflow had one of an event's versions in its stage already."""
    for change in run.recorded.already_applied:
        action, version, after = change.get("action"), change.get("version"), change.get("to")
        if action == "transition" and after == event.stage and version in event.enters:
            return True
        if action == "set_alias" and after in event.enters:
            return True
    return False
