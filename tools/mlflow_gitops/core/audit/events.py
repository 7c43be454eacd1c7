"""Events: every change of a stage that the main line made, of the policy, and every manifest that
it could not read (RULES R7).

A declared alias is a stage named `@alias`. What is derived here is git's alone; who did it and
whether it took effect is told by `core.audit`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from mlflow_gitops.core.history.history_reader import HistoryReader, Moment
from mlflow_gitops.core.history.mainline import Commit, MainLine
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.names import model_of

EventKind = Literal["stage", "policy", "invalid"]

Stages = Mapping[str, "tuple[int, ...]"]
"""Stage to the versions that hold it, ascending; declared aliases among them as `@alias`."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that one commit of the main line did. `index` is the commit's place on the line.

    `model` is None for the policy file, `stage` for all but `stage` events. `stem` names the
    manifest whose files the commit changed; None where it was the policy that made the difference.
    `detail` says why something cannot be read.
    """

    kind: EventKind
    index: int
    commit: Commit
    model: str | None = None
    stage: str | None = None
    before: tuple[int, ...] = ()
    after: tuple[int, ...] = ()
    stem: str | None = None
    detail: str | None = None

    @property
    def order(self) -> tuple[int, str, str]:
        """By commit, then model, then stage; the policy, which can change what is valid, before the
        models."""
        return self.index, self.model or "", self.stage or ""

    @property
    def enters(self) -> tuple[int, ...]:
        """The versions that came to hold the stage."""
        return tuple(version for version in self.after if version not in self.before)


@dataclass(frozen=True, slots=True)
class ModelTimeline:
    """One model's whole way along the line. `events` are in order."""

    model: str
    moments: Sequence[Moment]
    events: Sequence[Event]

    def desired_at(self, index: int) -> Desired | None:
        """What the model was to be after a commit of the line; None where it had no manifest that
        could be read yet."""
        place = bisect_right(self.moments, index, key=lambda moment: moment.index)
        return self.moments[place - 1].desired if place else None

    def event_behind(self, stage: str, index: int) -> Event | None:
        """The event that a stage is as it is by, after a commit of the line; None where it never
        held a version."""
        return next(
            (e for e in reversed(self.events) if e.index <= index and e.stage == stage), None
        )


def declared_stages(desired: Desired | None) -> Stages:
    """The stages and aliases that a manifest declares, those that are empty on purpose, too."""
    if desired is None:
        return {}
    aliases = {f"@{alias}": (version,) for alias, version in desired.manifest.aliases.items()}
    return {**desired.manifest.stages, **aliases}


def model_timelines(
    line: MainLine, histories: HistoryReader, models: Iterable[str] | None = None
) -> list[ModelTimeline]:
    """The course of every model, or of those named by their stems, in the order of their names."""
    stems = histories.stems() if models is None else list(models)
    histories.fetch_whole(stems)
    found = []
    for stem in stems:
        moments = histories.moments(stem)
        found.append(
            ModelTimeline(model_of(stem), moments, list(_model_events(line, stem, moments)))
        )
    return sorted(found, key=lambda course: course.model)


def policy_events(line: MainLine, histories: HistoryReader) -> Iterator[Event]:
    """Each change of the policy file; one that cannot be read is `invalid`, and the last readable
    one stays in force."""
    for index, fault in histories.policy_faults():
        commit = line.commits[line.shas[index]]
        yield Event("invalid" if fault else "policy", index, commit, detail=fault)


def in_order(events: Iterable[Event]) -> list[Event]:
    return sorted(events, key=lambda event: event.order)


def _model_events(line: MainLine, stem: str, moments: Sequence[Moment]) -> Iterator[Event]:
    model = model_of(stem)
    before: Stages = {}
    readable = True
    last: Desired | None = None
    for moment in moments:
        commit = line.commits[line.shas[moment.index]]
        own = stem if moment.touched else None
        if moment.fault is not None:
            # Told when the file or what it is judged by changed, not at every commit that leaves it
            # so.
            if moment.touched or readable:
                yield Event("invalid", moment.index, commit, model, stem=own, detail=moment.fault)
        elif moment.desired is not last:
            after = declared_stages(moment.desired)
            for stage in sorted({*before, *after}):
                old, new = before.get(stage, ()), after.get(stage, ())
                if old != new:
                    yield Event("stage", moment.index, commit, model, stage, old, new, own)
            before, last = after, moment.desired
        readable = moment.fault is None
