"""Which versions of a model ever held one of its stages."""

from __future__ import annotations

from functools import cached_property

from mlflow_gitops.app.audit.line.recorded_line import read_main_line
from mlflow_gitops.app.reconciled_models import ReconciledModels
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.history.history_reader import HistoryReader
from mlflow_gitops.core.history.mainline import MainLine
from mlflow_gitops.core.manifests.blob_reader import ManifestReader
from mlflow_gitops.core.manifests.names import file_stem


class HeldVersions:
    """What the receipts in this clone say about the models of the main branch. Nothing is read
    before the first question."""

    def __init__(self, workspace: Workspace, tip: str, *, stageless: bool) -> None:
        self._workspace = workspace
        self._tip = tip
        self._stageless = stageless

    def of(self, model: str) -> frozenset[int]:
        """The versions that held any stage but Archived."""
        points = self._histories.points_until(file_stem(model), self._line.shas[-1])
        stages = {
            stage for point in points if point.desired for stage in point.desired.policy.stages
        }
        reconciles = self._reconciled.history(model)
        return frozenset(
            version
            for stage in stages - {"Archived"}
            for version in reconciles.tenures(points, stage)
        )

    @cached_property
    def _line(self) -> MainLine:
        return read_main_line(self._workspace, self._tip)

    @cached_property
    def _reconciled(self) -> ReconciledModels:
        return ReconciledModels(self._workspace, self._line)

    @cached_property
    def _histories(self) -> HistoryReader:
        git, registry = self._workspace.git, self._workspace.registry
        reader = ManifestReader(git.blobs, stageless=self._stageless, recall=git.recall)
        return HistoryReader(self._line, registry, git.blobs, reader=reader)
