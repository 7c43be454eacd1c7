"""What the receipts in this clone record about each model."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cached_property

from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.audit.ledger import Ledger
from mlflow_gitops.core.audit.receipts import Receipt
from mlflow_gitops.core.history.history_reader import HistoryReader
from mlflow_gitops.core.history.line.reused_names import name_free_since
from mlflow_gitops.core.history.mainline import MainLine
from mlflow_gitops.core.history.tenures import ReconciledHistory
from mlflow_gitops.core.manifests.blob_reader import ManifestReader
from mlflow_gitops.core.manifests.names import file_stem
from mlflow_gitops.errors import GitFailure


class ReconciledModels:
    """The reconciles of this repository's models on one line of commits, those under former names
    included. The receipts are read when the first model is asked for."""

    def __init__(self, workspace: Workspace, line: MainLine) -> None:
        self._workspace = workspace
        self._line = line
        self._fault: str | None = None

    def history(self, model: str) -> ReconciledHistory:
        """The reconciles of one model. Receipts that cannot be read prove nothing: the history is
        then empty, and its hint says why."""
        renames = self._histories.renames
        periods = renames.periods(file_stem(model))
        start = name_free_since(renames, periods[0])
        runs = [run.applied_commit for run in self.ledger.applied_as(periods) if run.index >= start]
        hint = self._fault or self._workspace.receipts_branch.fetch_hint
        return ReconciledHistory(runs, self._line.index, hint)

    @cached_property
    def _histories(self) -> HistoryReader:
        git = self._workspace.git
        reader = ManifestReader(git.blobs, recall=git.recall)
        return HistoryReader(self._line, self._workspace.registry, git.blobs, reader=reader)

    @cached_property
    def ledger(self) -> Ledger:
        """The receipts of this environment that are on the line."""
        try:
            receipts = self._workspace.receipts_branch.receipts()
        except GitFailure as failure:
            receipts, self._fault = [], str(failure)
        owner = self._workspace.owner(self._line)
        return Ledger(receipts, self._line.index, owner, self._contradicted(receipts))

    def _contradicted(self, receipts: Sequence[Receipt]) -> Collection[tuple[str, str]]:
        if not receipts:
            return ()
        from mlflow_gitops.app.audit.record.contradicted import (
            contradicted,
            contradictions_in_clone,
        )  # most plans read no receipts

        return contradicted(contradictions_in_clone(self._workspace, receipts, self._line))
