"""Events: every change of a stage that the main line made, every change of the policy, and every
manifest that could not be read (RULES R7).

A declared alias is treated as a stage named `@alias`. Events come from git alone;
`core/audit/trail.py` adds who was behind each and whether it took effect.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from mlflow_gitops.core.audit.unseen_changes import HolderChange, is_unseen
from mlflow_gitops.core.history.history_reader import HistoryReader, Moment
from mlflow_gitops.core.history.line.file_choice import IncompleteHistory
from mlflow_gitops.core.history.line.renames import NamePeriod
from mlflow_gitops.core.history.mainline import Commit, MainLine
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.fast_manifest import only
from mlflow_gitops.core.manifests.names import model_of
from mlflow_gitops.core.times import format_time

EventKind = Literal["stage", "policy", "invalid", "renamed", "deleted", "drift", "flaw"]
"""`deleted` is only used by `show` and the report, for a manifest that is gone. `drift` and `flaw`
are from receipts (`core/audit/record/recorded_events.py`)."""

Stages = Mapping[str, "tuple[int, ...]"]
"""Stage to the versions that hold it, ascending; a declared alias is the stage `@alias`."""


class Event(NamedTuple):
    """One thing that one commit of the main line did. `index` is the commit's position on the line.

    `model` is None for the policy file, `stage` is None except for `stage` events. `stem` names the
    manifest whose files the commit changed; None if the policy made the difference. `detail` is the
    reason why a file cannot be read. `renamed` are the names before and after a rename.
    """

    kind: EventKind
    index: int  # type: ignore[assignment]  # no event is searched as a tuple
    commit: Commit
    model: str | None = None
    stage: str | None = None
    before: tuple[int, ...] = ()
    after: tuple[int, ...] = ()
    stem: str | None = None
    detail: str | None = None
    renamed: tuple[str, str] | None = None
    is_deletion: bool = False
    """Whether the versions left the stage because the manifest was deleted."""
    found_at: str | None = None
    """For drift: when the run that healed it began, RFC 3339."""
    right_at: str | None = None
    """For drift: when the run before it left the model right; None if none did."""
    is_unseen: bool = False
    """Whether MLflow shows nothing of the change (`core/audit/unseen_changes.py`)."""

    @property
    def order(self) -> tuple[int, str, str]:
        """By commit, then model, then stage. The policy comes first, since it can change what is
        valid."""
        return self.index, self.model or "", self.stage or ""

    @property
    def enters(self) -> tuple[int, ...]:
        """The versions that came to hold the stage."""
        return tuple(version for version in self.after if version not in self.before)


@dataclass(frozen=True, slots=True)
class ModelTimeline:
    """One model's states and events along the whole line, oldest first. `periods` are the names
    that they are of."""

    model: str
    moments: Sequence[Moment]
    events: Sequence[Event]
    periods: Sequence[NamePeriod] = ()

    def is_about(self, model: str, index: int) -> bool:
        """Whether the model had this name at a commit of the line."""
        if not self.periods:
            return model == self.model
        periods = [period for period in self.periods if model_of(period.stem) == model]
        return _has_name(periods, index)

    def desired_at(self, index: int) -> Desired | None:
        """What git declared for the model after a commit of the line; None if it had no readable
        manifest yet."""
        count = bisect_right(self.moments, index, key=lambda moment: moment.index)
        return self.moments[count - 1].desired if count else None

    def event_behind(self, stage: str, index: int) -> Event | None:
        """The last event of a stage up to a commit of the line: the one that put its holders there.
        None if the stage never held a version."""
        for event in reversed(self.events):
            if event.index <= index and event.stage == stage:
                return event
        return None


def declared_stages(desired: Desired | None) -> Stages:
    """The stages and aliases that a manifest declares, including stages that it declares empty."""
    if desired is None:
        return {}
    aliases = {f"@{alias}": only(version) for alias, version in desired.manifest.aliases.items()}
    return {**desired.manifest.stages, **aliases}


_MODELS_AT_ONCE = 32
"""So many models' manifests are held in memory if their states are not kept."""


def model_timelines(
    line: MainLine,
    histories: HistoryReader,
    models: Iterable[str] | None = None,
    is_unexpected: Callable[[Exception], bool] = lambda error: False,
    since: int = 0,
    *,
    keeps_states: bool = True,
    names: Iterable[str] | None = None,
) -> list[ModelTimeline]:
    """The timeline of every model, or of those whose file stems are given, sorted by model name.

    If stems are given as `models`, a timeline begins under the first name that its model had.
    Otherwise, each name has a timeline of its own; with `names`, which are stems too, only these.

    With `since`, what a timeline says before that index does not count. Without `names`, only the
    models that a commit from that index on could have changed have one. Without `keeps_states`, a
    timeline has its events and the last state alone, which takes a quarter of the memory.

    An exception that `is_unexpected` accepts makes its own model's timeline unreadable, and no
    other. Raises IncompleteHistory if the line is shortened and more is needed (`files_since`).
    """
    stems = histories.files.stems() if models is None else list(models)
    base = line.shas[since - 1] if since else None
    if names is not None:
        stems = list(names)
    elif since:
        stems = list(_changed_since(histories, stems, since))

    timelines = []
    for number, stem in enumerate(stems):
        if number % _MODELS_AT_ONCE == 0:
            if not keeps_states:
                histories.reader.forget_readings()
            histories.fetch_whole(stems[number : number + _MODELS_AT_ONCE], base)
        try:
            timeline = _timeline(line, histories, stem, base, follow=models is not None)
        except Exception as error:
            if isinstance(error, IncompleteHistory) or not is_unexpected(error):
                raise
            timeline = _unreadable_timeline(line, stem, error)
        if not keeps_states:
            timeline = replace(timeline, moments=timeline.moments[-1:])
        timelines.append(timeline)
    return sorted(timelines, key=lambda timeline: timeline.model)


def _changed_since(histories: HistoryReader, stems: Iterable[str], since: int) -> Iterator[str]:
    """The manifests that a commit from an index on changed, itself or by the policy."""
    is_policy_changed = any(index >= since for index in histories.policies.changed_at())
    for stem in stems:
        if is_policy_changed or max(histories.files.changed_at(stem), default=-1) >= since:
            yield stem


def _moments(histories: HistoryReader, stem: str, base: str | None) -> Sequence[Moment]:
    """A model's states, from a base on unless more is needed: if it had another name, or if it is
    not known from the base's own files what the model was there."""
    if base is None:
        return histories.moments(stem)
    renames = histories.renames
    if len(renames.periods(stem)) > 1 or renames.renamed_away(stem):
        return histories.moments(stem)
    moments = histories.moments(stem, base)
    if moments and moments[0].fault is None:
        return moments
    if histories.line.is_shortened:
        raise IncompleteHistory
    return histories.moments(stem)


def _timeline(
    line: MainLine, histories: HistoryReader, stem: str, base: str | None, *, follow: bool
) -> ModelTimeline:
    periods = histories.renames.periods(stem)
    moments = _moments(histories, stem, base)
    removals = {
        index: new
        for index, new in histories.renames.renamed_away(stem).items()
        if index >= periods[-1].first
    }
    events = [
        event for event in _model_events(line, periods, moments) if event.index not in removals
    ]
    if not follow and len(periods) > 1:
        periods = [period for period in periods if period.stem == stem]
        moments = _under_own_name(periods, moments)
        events = [event for event in events if _has_name(periods, event.index)]
    if follow:
        events += _departures(line, stem, removals)
    return ModelTimeline(model_of(stem), moments, in_order(events), periods)


def _has_name(periods: Sequence[NamePeriod], index: int) -> bool:
    return any(period.first <= index < period.end for period in periods)


def _under_own_name(periods: Sequence[NamePeriod], moments: Sequence[Moment]) -> list[Moment]:
    """The states of a model while it had one of its names, which it may have got back later."""
    ends = [Moment(period.end, None, None, True) for period in periods[:-1]]
    named = [moment for moment in moments if _has_name(periods, moment.index)]
    return sorted([*named, *ends], key=lambda moment: moment.index)


def _departures(line: MainLine, stem: str, renamed_away: Mapping[int, str]) -> Iterator[Event]:
    for index, new in renamed_away.items():
        names = (model_of(stem), model_of(new))
        commit = line.commits[line.shas[index]]
        yield Event("renamed", index, commit, names[0], stem=stem, renamed=names)


def _unreadable_timeline(line: MainLine, stem: str, error: Exception) -> ModelTimeline:
    """The timeline of a model whose history raised an exception: one `invalid` event, at the end of
    the line."""
    index, sha = len(line.shas) - 1, line.shas[-1]
    commit = line.commits.get(sha) or Commit(sha, format_time(line.times[-1]), "", "")
    detail = f"its history cannot be read: unexpected {type(error).__name__}"
    event = Event("invalid", index, commit, model_of(stem), detail=detail)
    return ModelTimeline(model_of(stem), (), (event,))


def policy_events(line: MainLine, histories: HistoryReader) -> Iterator[Event]:
    """Each change of the policy file. A policy that cannot be read is an `invalid` event, and the
    last readable one stays in force."""
    for index, fault in histories.policies.faults():
        commit = line.commits[line.shas[index]]
        yield Event("invalid" if fault else "policy", index, commit, detail=fault)


def in_order(events: Iterable[Event]) -> list[Event]:
    return sorted(events, key=lambda event: event.order)


def _model_events(
    line: MainLine, periods: Sequence[NamePeriod], moments: Sequence[Moment]
) -> Iterator[Event]:
    """The events of one model, each under the name that the model had then."""
    number = 0
    before: Stages = {}
    was_readable = True
    last: Desired | None = None

    for moment in moments:
        sha = line.shas[moment.index]
        # The commit from which on a timeline is read may have changed nothing.
        commit = line.commits.get(sha) or Commit(sha, format_time(line.times[moment.index]), "", "")
        while moment.index >= periods[number].end:
            number += 1
            names = model_of(periods[number - 1].stem), model_of(periods[number].stem)
            stem = periods[number].stem
            yield Event("renamed", moment.index, commit, names[1], stem=stem, renamed=names)
        stem = periods[number].stem
        model = model_of(stem)
        changed_stem = stem if moment.touched else None

        if moment.fault is not None:
            # Reported when the file or the policy that judges it changed, not at every later commit
            # that leaves it so.
            if moment.touched or was_readable:
                yield Event(
                    "invalid", moment.index, commit, model, stem=changed_stem, detail=moment.fault
                )
        elif moment.desired is not last:
            after = declared_stages(moment.desired)
            for stage in sorted(_changed_stages(before, after)):
                change = HolderChange(stage, before.get(stage, ()), after.get(stage, ()))
                yield Event(
                    "stage", moment.index, commit, model, *change, changed_stem,
                    is_deletion=moment.desired is None,
                    is_unseen=is_unseen(change, last, moment.desired),
                )  # fmt: skip
            before, last = after, moment.desired

        was_readable = moment.fault is None


def _changed_stages(before: Stages, after: Stages) -> list[str]:
    stages = before.keys() | after.keys()
    return [stage for stage in stages if before.get(stage, ()) != after.get(stage, ())]
