"""The audit trail of one repository: reads git and the receipts, and hands values to the core."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, cached_property

from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.audit.events import (
    Event,
    ModelTimeline,
    in_order,
    model_timelines,
    policy_events,
)
from mlflow_gitops.core.audit.ledger import Ledger
from mlflow_gitops.core.audit.receipts import NOTES_REF
from mlflow_gitops.core.audit.stage_holders import StageHolders, applied_holders, declared_holders
from mlflow_gitops.core.audit.trail import AuditedEvent, EventAuditor
from mlflow_gitops.core.history.history_reader import HistoryReader
from mlflow_gitops.core.history.mainline import Merged
from mlflow_gitops.core.manifests.blob_reader import ManifestReader
from mlflow_gitops.core.manifests.names import NATIVE_STAGES, file_stem, model_of
from mlflow_gitops.core.manifests.registry_folder import stem_of
from mlflow_gitops.core.times import parse_named_time, parse_time
from mlflow_gitops.core.wording import did_you_mean
from mlflow_gitops.edges.git.notes import Notes
from mlflow_gitops.edges.system.background import BackgroundCall
from mlflow_gitops.errors import Failure, GitFailure, UsageFailure

FETCH = "git fetch {remote} refs/notes/mlflow-gitops:refs/notes/mlflow-gitops"
"""What brings in the receipts that are on a remote: no clone fetches notes by itself."""


_TIMES = "2026-01-31T12:00:00Z, or 2026-01-31 for the end of that day"


class AuditTrail:
    """The events of the main line, of one model or of all, and who held what when. `whole` says
    that all of them will be told.

    Raises Failure for a model that the main line never had.
    """

    def __init__(
        self, workspace: Workspace, model: str | None = None, *, whole: bool = False
    ) -> None:
        self.workspace = workspace
        self._git = workspace.git
        stems = [file_stem(model)] if model is not None else None
        reader = ManifestReader(self._git.blobs)

        def wants(path: str) -> bool:
            kind = workspace.registry.classify(path)
            return kind == "policy" or (
                kind == "manifest" and (stems is None or stem_of(path) in stems)
            )

        main = self._main()
        wants = cache(wants)
        self.line = line = self._git.first_parent_line(main)
        # Beside reading the line, since both wait for git.
        self._early = BackgroundCall(lambda: self._merged(line.merges)) if whole else None
        self._git.add_changes(line, workspace.registry.paths, wants, reader.add_content)
        self._histories = HistoryReader(
            self.line, workspace.registry, self._git.blobs, reader=reader
        )
        if model is not None and stems and stems[0] not in self._histories.stems():
            raise Failure(self._unknown(model))
        self.timelines: list[ModelTimeline] = model_timelines(self.line, self._histories, stems)
        self._model = model

    @cached_property
    def notes(self) -> Notes:
        return Notes.of(self._git)

    @cached_property
    def ledger(self) -> Ledger:
        """The receipts of this repository's environment that are on the main line."""
        return Ledger(self.notes.receipts(), self.line.index, self.workspace.owner(self.line))

    @property
    def has_receipts(self) -> bool:
        """Whether there are receipts to tell what took effect: then what none tells of did not."""
        return bool(self.ledger.receipts)

    @cached_property
    def events(self) -> list[Event]:
        """Every event, or every one of the model, in order."""
        own = [event for course in self.timelines for event in course.events]
        policy = [] if self._model is not None else policy_events(self.line, self._histories)
        return in_order([*policy, *own])

    def select(self, stage: str | None, since: str | None, until: str | None) -> list[Event]:
        """The events of a stage, between two named times or revisions. Raises UsageFailure for a
        stage that there is not."""
        start, end = self.index_range(since, until)
        if stage is not None and stage not in self._stages():
            raise UsageFailure(_no_stage(stage, self._stages()))
        return [
            one
            for one in self.events
            if start <= one.index < end and (stage is None or one.stage == stage)
        ]

    def _stages(self) -> set[str]:
        """The stages that there are now, and every one that an event is about."""
        now = (course.moments[-1].desired for course in self.timelines)
        policies = {stage for desired in now if desired for stage in desired.policy.stages}
        return {*NATIVE_STAGES, *policies, *(event.stage for event in self.events if event.stage)}

    def audit(self, events: Iterable[Event]) -> list[AuditedEvent]:
        """All that is known of some of the events."""
        asked = list(events)
        merged = (
            self._early.result() if self._early else self._merged({event.index for event in asked})
        )
        changes = (event for event in self.events if event.kind == "stage")
        audit = EventAuditor(
            self.line, self.workspace.registry, changes, self.ledger, merged, self._histories.judge
        )
        return [audit.audit(event) for event in asked]

    def _merged(self, commits: Iterable[int]) -> Mapping[int, Sequence[Merged]]:
        return self._git.merged_commits(self.line, commits, self.workspace.registry)

    def index_range(self, since: str | None, until: str | None) -> tuple[int, int]:
        """The places on the line from one named time or revision to another, the second one past
        the end. A time counts itself in; `since` a revision begins after it."""
        start, end = 0, len(self.line.shas)
        if since is not None:
            moment = _time(since)
            start = (
                self._index_of_revision(since) + 1
                if moment is None
                else bisect_left(self.line.times, moment)
            )
        if until is not None:
            end = self.index_of(until) + 1
        return start, end

    def index_of(self, named: str) -> int:
        """The place on the line of the last commit up to a named time, or of a revision; -1 before
        the first commit.

        Raises UsageFailure for a time that does not exist, GitFailure for a revision that is not on
        the main line.
        """
        moment = _time(named)
        return (
            self._index_of_revision(named)
            if moment is None
            else bisect_right(self.line.times, moment) - 1
        )

    def declared_holders(self, place: int) -> list[StageHolders]:
        """What git wanted after a commit of the line."""
        return [found for course in self.timelines if (found := declared_holders(course, place))]

    def applied_holders(self, place: int, named: str | None) -> list[StageHolders]:
        """What MLflow really had, by the receipts: of all written up to a named time, or on commits
        up to the place."""
        moment = _time(named) if named is not None else None
        known = [
            one
            for one in self.ledger.receipts
            if (
                parse_time(one.at).timestamp() <= moment
                if moment is not None
                else self.line.index[one.commit] <= place
            )
        ]
        return [
            found
            for course in self.timelines
            if (found := applied_holders(course, self.line, known))
        ]

    def hints(self) -> list[str]:
        """What this clone lacks for the whole truth, and how to get it."""
        found = []
        if self._git.is_shallow():
            found.append(
                "This clone is shallow: what came before its first commit looks as if it began"
                " there. Fetch the rest with: git fetch --unshallow"
            )
        if self.notes.remote is not None and not self._git.ref(NOTES_REF):
            found.append(
                "There are no receipts in this clone, so nothing tells when changes took effect. "
                f"Fetch them with: {FETCH.format(remote=self.notes.remote)}"
            )
        return found

    def _main(self) -> str:
        try:
            return self._git.resolve(self.workspace.main_ref)
        except GitFailure:
            if not self._git.has_commits():
                self._git.resolve("HEAD")  # says what to do before the first commit
            raise

    def _index_of_revision(self, revision: str) -> int:
        try:
            sha = self._git.resolve(revision)
        except GitFailure as failure:
            raise GitFailure(f"{failure} A time is written {_TIMES}.") from None
        if sha not in self.line.index:
            raise GitFailure(
                f"{revision} ({sha[:12]}) is not on the main line, {self.workspace.main_ref}. Name"
                f" a commit that is, or a time: {_TIMES}."
            )
        return self.line.index[sha]

    def _unknown(self, model: str) -> str:
        known = [model_of(stem) for stem in self._histories.stems()]
        never = f"{model} never had a manifest on the main line, {self.workspace.main_ref}"
        suggestion = did_you_mean(model, known)
        return f"{never}; {suggestion}" if suggestion else f"{never}."


def _no_stage(stage: str, known: set[str]) -> str:
    hint = did_you_mean(stage, known) or f"the stages are {', '.join(sorted(known))}."
    return f"There is no stage {stage}; {hint}"


def written_by(told: Sequence[AuditedEvent], author: str) -> list[AuditedEvent]:
    """What a person had a part in writing: the author or a co-author, by any part of name or
    address, ignoring case."""
    wanted = author.lower()
    return [
        one
        for one in told
        if any(wanted in who.lower() for who in (one.people.author, *one.people.co_authors))
    ]


def _time(text: str) -> float | None:
    try:
        return parse_named_time(text)
    except ValueError:
        raise UsageFailure(f"There is no such time as {text}.") from None
