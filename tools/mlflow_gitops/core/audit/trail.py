"""The audit trail: git's events with the people behind them, what they override, and when they took
effect (RULES R6, R7)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from mlflow_gitops.core.audit.events import Event
from mlflow_gitops.core.audit.ledger import Ledger
from mlflow_gitops.core.history.mainline import Commit, MainLine, Merged
from mlflow_gitops.core.history.people import People, people
from mlflow_gitops.core.manifests.policy import ModelPolicy
from mlflow_gitops.core.manifests.registry_folder import RegistryFolder, stem_of
from mlflow_gitops.core.verdicts.overrides import overrides


@dataclass(frozen=True, slots=True)
class Effect:
    """What became of an event. `at` is when a reconcile applied it, or when a later commit replaced
    it before one did."""

    at: str
    result: Literal["applied", "superseded"]


@dataclass(frozen=True, slots=True)
class UsedOverride:
    """A gate that a line of the change's messages took the place of, and why."""

    gate: str
    reason: str


@dataclass(frozen=True, slots=True)
class AuditedEvent:
    """An event with everything that is known of it. `effect` is None where no receipt tells of it."""

    event: Event
    people: People
    overrides: tuple[UsedOverride, ...] = ()
    effect: Effect | None = None


class EventAuditor:
    """Tells events. `changes` are all `stage` events of the models in question, in order; `merged`
    maps a true merge's index to what it brought in, the newest first; `judge` gives the policy that
    judged a commit's change of a model."""

    def __init__(
        self,
        line: MainLine,
        registry: RegistryFolder,
        changes: Iterable[Event],
        ledger: Ledger,
        merged: Mapping[int, Sequence[Merged]],
        policy_before: Callable[[Commit, str], ModelPolicy],
    ) -> None:
        self._line = line
        self._registry = registry
        self._ledger = ledger
        self._merged = merged
        self._policy_before = policy_before
        self._changes: dict[tuple[str | None, str | None], list[Event]] = {}
        for event in changes:
            self._changes.setdefault((event.model, event.stage), []).append(event)

    def audit(self, event: Event) -> AuditedEvent:
        merged = self._brought_in(event) if event.index in self._line.merges else None
        vouched = self._ledger.vouched(event.model, event.commit.sha) if event.model else None
        return AuditedEvent(
            event,
            people(event.commit, merged, vouched),
            tuple(self._overrides(event, merged or ())),
            self._effect(event) if event.kind == "stage" else None,
        )

    def _brought_in(self, event: Event) -> list[Commit]:
        return [
            one.commit
            for one in self._merged.get(event.index, ())
            if any(self._is_about(p, event) for p in one.paths)
        ]

    def _is_about(self, path: str, event: Event) -> bool:
        """Whether a path is a file that an event is about."""
        kind = self._registry.classify(path)
        return (
            kind == "policy"
            if event.stem is None
            else kind == "manifest" and stem_of(path) == event.stem
        )

    def _overrides(self, event: Event, merged: Sequence[Commit]) -> Iterable[UsedOverride]:
        """The lines that could take a gate's place: with a reason, for a gate that the stage had
        and that may be overridden."""
        messages = [commit.message for commit in (event.commit, *merged)]
        if not event.enters or not any("Gate-Override:" in message for message in messages):
            return
        model, stage = event.model or "", event.stage or ""
        judge = self._policy_before(event.commit, model)
        rule = judge.stages.get(stage)
        known = set(rule.gates.names) & judge.overrides if rule else set()
        used: dict[str, str] = {}
        for line in overrides(messages):
            if line.means(model, stage) and line.reason and line.gate in known:
                used.setdefault(line.gate, line.reason)
        yield from (UsedOverride(gate, reason) for gate, reason in used.items())

    def _effect(self, event: Event) -> Effect | None:
        """The first run, at the event's commit or later on the line, in which the model was
        applied; superseded where the stage changed again before that."""
        runs = self._ledger.applied(event.model or "")
        first = bisect_left(runs, event.index, key=lambda run: run.index)
        if first == len(runs):
            return None
        later = self._changes[event.model, event.stage]
        following = bisect_right(later, event.index, key=lambda other: other.index)
        if following < len(later) and later[following].index <= runs[first].index:
            return Effect(later[following].commit.at, "superseded")
        return Effect(runs[first].at, "applied")
