"""The audit trail of one repository: reads git and the receipts, and hands values to the core."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache, cached_property, partial
from typing import TYPE_CHECKING

from mlflow_gitops.app.audit.line.line_part import WHOLE_LINE, LinePart
from mlflow_gitops.app.audit.line.recorded_line import recorded_line
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.audit.events import (
    Event,
    ModelTimeline,
    in_order,
    model_timelines,
    policy_events,
)
from mlflow_gitops.core.audit.ledger import Ledger
from mlflow_gitops.core.audit.receipts import Receipt
from mlflow_gitops.core.audit.trail import AuditedEvent, EventAuditor
from mlflow_gitops.core.history.history_reader import HistoryReader
from mlflow_gitops.core.history.line.file_choice import IncompleteHistory
from mlflow_gitops.core.history.people import people_of
from mlflow_gitops.core.manifests.blob_reader import ManifestReader
from mlflow_gitops.core.manifests.names import file_stem, model_of
from mlflow_gitops.core.manifests.registry_folder import ALLOWED_SIGNERS, stem_of
from mlflow_gitops.core.wording import did_you_mean
from mlflow_gitops.edges.system.background import BackgroundCall
from mlflow_gitops.edges.system.unexpected import describe, is_unexpected
from mlflow_gitops.errors import Failure, GitFailure

if TYPE_CHECKING:
    from mlflow_gitops.app.audit.line.moments import LineMoments
    from mlflow_gitops.app.audit.signers import Signers


class AuditTrail:
    """The events of the main line, of one model or of all, and who held which stage when.

    `part` limits that for all models: what commits from `start` on did is complete then. Pass
    `all_events=True` if every event will be audited: more is then read in parallel; or
    `keeps_states=False` if only events are needed: the timelines then have the last state alone.

    Raises Failure for a model that never had a manifest on the main line.
    """

    def __init__(
        self,
        workspace: Workspace,
        model: str | None = None,
        part: LinePart = WHOLE_LINE,
        *,
        all_events: bool = False,
        keeps_states: bool = True,
    ) -> None:
        self.workspace, self._git, self.model = workspace, workspace.git, model
        self._part = LinePart(model=model) if model is not None else part
        self._unread: GitFailure | None = None
        tip = _tip(workspace)  # before the thread, which would look for the main branch, too
        receipts = BackgroundCall(self._read_receipts)
        first_parents = self._git.first_parent_line(tip)
        self.receipts = receipts.result()
        self.line, rerouting = recorded_line(workspace, first_parents, self.receipts)
        is_indexed, length = self._git.is_indexed(self.line), len(self.line.shas)
        bounds = self._part.bounds(lambda: self.moments, length, is_indexed=is_indexed)
        self.start, self._end = bounds
        # In parallel with reading the line, since both wait for git.
        merges = partial(self._git.read_merged, self.line, [*self.line.merges], workspace.registry)
        self._early_merges = BackgroundCall(merges) if all_events and not is_indexed else None
        try:
            self._read_timelines(keeps_states, not rerouting)
        except IncompleteHistory:
            self.line.changes.clear()
            self._read_timelines(keeps_states, not rerouting, shortens=False)

    @cached_property
    def moments(self) -> LineMoments:
        """The times and revisions of the main line."""
        from mlflow_gitops.app.audit.line.moments import LineMoments  # needed only if one is named

        main_ref, now = self.workspace.main_ref, self.workspace.settings.now
        return LineMoments(self._git, self.line, main_ref, now)

    @cached_property
    def signers(self) -> Signers:
        """Who signed the commits and the receipts."""
        from mlflow_gitops.app.audit.signers import Signers  # few repositories have signers

        return Signers(self.workspace, self.line)

    @cached_property
    def ledger(self) -> Ledger:
        """The receipts of this repository's environment that are on the main line."""
        if self._unread is not None:
            raise self._unread
        return Ledger(self.receipts, self.line.index, self.workspace.owner(self.line))

    @property
    def has_receipts(self) -> bool:
        """Whether there are receipts at all. If so, an event that none covers did not take
        effect."""
        return bool(self.ledger.receipts)

    @cached_property
    def events(self) -> list[Event]:
        """Every event, or every event of the model, oldest first."""
        of_models = [event for timeline in self.timelines for event in timeline.events]
        of_policy = [] if self.model is not None else policy_events(self.line, self.histories)
        return in_order([*of_policy, *of_models])

    def audit(self, events: Iterable[Event]) -> list[AuditedEvent]:
        """Some of the events, with everything that is known about them."""
        return list(self.audited(list(events)))

    def audited(self, events: Sequence[Event]) -> Iterable[AuditedEvent]:
        """The same, each as it is asked for: an audit of many takes little memory then."""
        if self._early_merges is not None:
            merged = self._early_merges.result()
            if self._git.index is not None:
                self._git.index.add_merged(self.line, merged)
        else:
            merged = self._git.merged_commits(
                self.line, {event.index for event in events}, self.workspace.registry
            )

        auditor = EventAuditor(
            self.line,
            self.workspace.registry,
            (event for event in self.events if event.kind == "stage"),
            self.ledger,
            merged,
            self.histories.judge,
            self.histories.renames,
        )
        audited = (_audit_alone(auditor, event) for event in events)
        return self.signers.of_events(list(audited)) if may_have_signers(self) else audited

    def hints(self) -> list[str]:
        """What is missing to give the full answer, and how to get it."""
        hints = self.moments.hints() if "moments" in self.__dict__ else []
        return [*hints, *_clone_hints(self.workspace)]

    def _read_timelines(
        self, keeps_states: bool, is_main_line: bool, *, shortens: bool = True
    ) -> None:
        """Read the models' timelines. Raises IncompleteHistory if more is needed than chosen."""
        workspace, start, stems = self.workspace, self.start, self._part.stems
        registry = workspace.registry
        reader = ManifestReader(self._git.blobs, recall=self._git.recall)
        self._git.add_changes(
            self.line,
            registry.paths,
            _is_wanted(workspace, [] if start else stems),
            reader.add_content,
            choose=self._part.choice(registry, start, self._end, shortens=shortens),
            is_main_line=is_main_line,
        )
        if not keeps_states and self._git.remember(reader.news):
            reader.forget_manifests()  # they take much memory
        self.histories = HistoryReader(self.line, registry, self._git.blobs, reader=reader)
        _check_model(workspace, self.model, self.histories.files.stems())
        self.timelines: list[ModelTimeline] = model_timelines(
            self.line,
            self.histories,
            self._part.followed_stems,
            is_unexpected,
            start,
            keeps_states=keeps_states,
            names=self._part.own_stems(self.histories.files.stems(), start),
        )
        self._git.remember(reader.news)
        if not keeps_states:
            reader.forget_manifests()

    def _read_receipts(self) -> list[Receipt]:
        """The receipts, on which the line depends, too. If they cannot be read, what needs them
        reports why (`ledger`)."""
        try:
            return self.workspace.receipts_branch.receipts()
        except GitFailure as failure:
            self._unread = failure
            return []


def _audit_alone(auditor: EventAuditor, event: Event) -> AuditedEvent:
    """Audit one event. An unexpected exception leaves only what git says, and no other event
    without its facts."""
    try:
        return auditor.audit(event)
    except Exception as error:
        if not is_unexpected(error):
            raise
        detail = f"it cannot be audited: unexpected {describe(error)}"
        people = people_of(event.commit, None, None)
        return AuditedEvent(event._replace(detail=event.detail or detail), people)


def _clone_hints(workspace: Workspace) -> list[str]:
    hints = []
    if workspace.git.is_shallow():
        hints.append(
            "This clone is shallow: everything before its first commit looks as if it began"
            " there. Fetch the rest with: git fetch --unshallow"
        )
    branch = workspace.receipts_branch
    if branch.remote is not None and not branch.refs():
        hints.append(
            "There are no receipts in this clone, so it is unknown when changes took effect."
            f" Fetch them with: {branch.fetch_command}"
        )
    return hints


def may_have_signers(trail: AuditTrail) -> bool:
    """Whether the main line ever had a file of signers; with environments, it may have."""
    workspace, path = trail.workspace, f"{trail.workspace.root}/{ALLOWED_SIGNERS}"
    return workspace.environment is not None or any(
        changed == path for _, changed, _ in trail.line.changes
    )


def _is_wanted(workspace: Workspace, stems: Sequence[str] | None) -> Callable[[str], bool]:
    """Whether the contents of a file are needed: the policy and these manifests, by default all."""

    @cache
    def is_wanted(path: str) -> bool:
        kind = workspace.registry.classify(path)
        is_manifest = kind == "manifest" and (stems is None or stem_of(path) in stems)
        return is_manifest or kind == "policy"

    return is_wanted


def _tip(workspace: Workspace) -> str:
    try:
        return workspace.git.resolve(workspace.main_ref)
    except GitFailure:
        if not workspace.git.has_commits():
            workspace.git.resolve("HEAD")  # its message says what to do before the first commit
        raise


def _check_model(workspace: Workspace, model: str | None, stems: Sequence[str]) -> None:
    """Raise Failure for a model that never had a manifest."""
    if model is None or file_stem(model) in stems:
        return
    never = f"{model} never had a manifest on the main line, {workspace.main_ref}"
    suggestion = did_you_mean(model, [model_of(stem) for stem in stems])
    raise Failure(f"{never}; {suggestion}" if suggestion else f"{never}.")
