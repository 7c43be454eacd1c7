"""Gather what gates may ask for: from MLflow, other environments, the forge, git and plug-ins."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mlflow_gitops.app.workspace import Merge, Workspace
from mlflow_gitops.core.history.mainline import Commit, MainLine, StatedMessage
from mlflow_gitops.core.manifests.origin_pin import OriginPin
from mlflow_gitops.core.observed.model import ObservedVersion
from mlflow_gitops.core.recorded.values import ModelFile, Record, Unreadable
from mlflow_gitops.errors import RegistryFailure

if TYPE_CHECKING:
    from mlflow_gitops.app.approvals import CommitApprovals
    from mlflow_gitops.app.health.live_values import Monitoring
    from mlflow_gitops.app.reconciled_models import ReconciledModels
    from mlflow_gitops.core.audit.ledger import Ledger
    from mlflow_gitops.core.gates.change_approvals import Approvals
    from mlflow_gitops.core.gates.gate import Gate
    from mlflow_gitops.core.health.values import LiveValues
    from mlflow_gitops.core.history.tenures import ReconciledHistory
    from mlflow_gitops.core.recorded.check_records import CheckRecord
    from mlflow_gitops.core.recorded.signed_files import SignedFiles
    from mlflow_gitops.edges.mlflow.registry import Registry


class RegistryEvidence:
    """What one registry recorded of versions. Each thing is read once, so that a run that plans a
    model again judges the same facts as before."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._records: dict[tuple[str | None, ...], Record | None] = {}
        self._files: dict[tuple[str, int, str | None], ModelFile | None] = {}
        self._paths: dict[tuple[str, int, str | None], tuple[str, ...]] = {}
        self._checks: dict[tuple[str, str], tuple[CheckRecord, ...]] = {}

    def lack_of_aliases(self) -> str | None:
        """Why the registry keeps no aliases; None if it keeps them, or may."""
        return self._registry.lack_of_aliases

    def record(self, version: ObservedVersion) -> Record | None:
        """A version's run and logged model. Raises Unreadable, or the RegistryFailure itself if
        that is transient, so that the caller can retry."""
        if version.origin is not None:
            return self._registry.other_environments.read(version.origin).record

        key = version.run_id, version.model_id, version.source
        if key not in self._records:
            try:
                self._records[key] = self._registry.record(version)
            except RegistryFailure as failure:
                if failure.transient:
                    raise
                raise Unreadable(str(failure)) from None
        return self._records[key]

    def read_before(self, version: ObservedVersion) -> Record | None:
        """A version's run and logged model, if they were read already."""
        return self._records.get((version.run_id, version.model_id, version.source))

    def model_file(self, model: str, version: ObservedVersion) -> ModelFile | None:
        """What a version's artifacts say about themselves. Raises Unreadable."""
        if version.origin is not None:
            return self._registry.other_environments.read(version.origin).file

        key = model, version.number, version.source
        if key not in self._files:
            try:
                self._files[key] = self._registry.model_file(model, version)
            except RegistryFailure as failure:
                raise Unreadable(str(failure)) from None
        return self._files[key]

    def file_paths(self, model: str, version: ObservedVersion) -> tuple[str, ...]:
        """The paths of a version's files. Raises Unreadable."""
        if version.origin is not None:
            return self._registry.other_environments.read(version.origin).file_paths

        key = model, version.number, version.source
        if key not in self._paths:
            try:
                self._paths[key] = self._registry.file_paths(model, version)
            except RegistryFailure as failure:
                raise Unreadable(str(failure)) from None
        return self._paths[key]

    def check_records(self, experiment: str, digest: str) -> tuple[CheckRecord, ...]:
        """The checks of files that an experiment holds. Raises Unreadable."""
        key = experiment, digest
        if key not in self._checks:
            try:
                self._checks[key] = self._registry.check_records(experiment, digest)
            except RegistryFailure as failure:
                raise Unreadable(str(failure)) from None
        return self._checks[key]

    def version_at_origin(self, pin: OriginPin) -> ObservedVersion | None:
        """A version of another environment as that environment's MLflow shows it."""
        return self._registry.other_environments.read(pin).version


class WorkspaceEvidence(RegistryEvidence):
    """What one registry recorded, and what git and the forge know about commits. `line` is the main
    line up to the target; `merge` is the merge that is only planned, if any.
    `is_rerouted` says that the line does not follow the main branch's first parents alone."""

    def __init__(
        self,
        workspace: Workspace,
        registry: Registry,
        line: MainLine,
        merge: Merge | None = None,
        *,
        is_rerouted: bool = False,
    ) -> None:
        super().__init__(registry)
        self._workspace = workspace
        self._line = line
        self._merge = merge
        self._is_rerouted = is_rerouted
        self._messages: dict[tuple[str, str], list[StatedMessage]] = {}

    @cached_property
    def _approving(self) -> CommitApprovals:
        from mlflow_gitops.app.approvals import CommitApprovals  # only judging asks for approvals

        main_line = self._line.index if self._is_rerouted else None
        return CommitApprovals(self._workspace, self._merge, main_line)

    @cached_property
    def _reconciled(self) -> ReconciledModels:
        from mlflow_gitops.app.reconciled_models import ReconciledModels  # only judging needs it

        return ReconciledModels(self._workspace, self._line)

    def messages(self, commit: Commit, file: str) -> list[StatedMessage]:
        """The messages that speak for a commit's change of a file."""
        key = commit.sha, file
        if key not in self._messages:
            self._messages[key] = self._read_messages(*key)
        return self._messages[key]

    def _read_messages(self, sha: str, file: str) -> list[StatedMessage]:
        if self._merge is not None:
            return self._workspace.messages(sha, file, self._merge)
        return self._workspace.git.messages(sha, file, self._before(sha))

    def _before(self, sha: str) -> str | None:
        """The commit before one on the line; None for the first, and for one beside it."""
        index = self._line.index.get(sha, 0)
        return self._line.shas[index - 1] if index else None

    def approvals(self, commit: Commit, file: str) -> Approvals | None:
        """What the forge knows about a commit's approvals. Raises Unreadable."""
        return self._approving.approvals(commit, file)

    def first_of_change(self, commit: Commit) -> str | None:
        """Return the first commit of the pull request that made a commit of the main line; the
        commit itself if none did, None if no forge is configured. Raises Unreadable."""
        return self._approving.first_of_change(commit)

    def signed_files(
        self, names: Sequence[str], version: int, keys: str, commit: Commit | None
    ) -> SignedFiles:
        """The files that a version's signature in git lists, under one of the model's names. Raises
        Unreadable."""
        from mlflow_gitops.app.planning.judging.git_signatures import (
            GitSignatures,
        )  # few policies ask for signatures

        first = None
        if commit is not None and self.is_merged(commit):
            first = self.first_of_change(commit)
        signatures = GitSignatures(self._workspace, self._line, self._merge)
        return signatures.check(names, version, keys, commit, first)

    @cached_property
    def _monitoring(self) -> Monitoring:
        from mlflow_gitops.app.health.live_values import Monitoring  # few policies have health

        environment = self._workspace.environment
        return Monitoring(environment.name if environment else None, lambda: self._registry)

    def live_values(self, version: ObservedVersion, declared: Collection[str]) -> LiveValues:
        """What monitors a version."""
        return self._monitoring.of_version(lambda: version, declared)

    def claims(self, commit: Commit) -> Approvals:
        """What a commit's own messages claim about its approvals."""
        return self._approving.claims(commit, self._before(commit.sha))

    def reconciles(self, model: str) -> ReconciledHistory:
        """What the receipts in this clone record about a model."""
        return self._reconciled.history(model)

    def ledger(self) -> Ledger:
        """The receipts in this clone that are on the line. Receipts that cannot be read prove
        nothing."""
        return self._reconciled.ledger

    def read_receipts_again(self) -> None:
        """Let the next question read the receipts anew."""
        self.__dict__.pop("_reconciled", None)

    def is_merged(self, commit: Commit) -> bool:
        """Whether a commit is on the main line; the planned merge itself is not yet."""
        if self._merge is not None:
            return self._merge.is_nothing or commit.sha != self._merge.revision
        return self._workspace.is_merged(commit.sha)

    def plugin_gate(self, name: str) -> Gate[Any] | None:
        """A gate of another package; None if it is not installed. What it raises or finds is shown
        without secrets."""
        from mlflow_gitops.edges.system.plugins import guarded_gate  # few policies have one

        return guarded_gate(name)
