"""What git knows about the models of an import: what their manifests were based on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.authoring.update_manifest import Basis
from mlflow_gitops.core.history.mainline import MainLine
from mlflow_gitops.core.manifests.manifest import Manifest, read_manifest
from mlflow_gitops.core.manifests.names import file_stem
from mlflow_gitops.core.manifests.registry_folder import stem_of
from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.errors import GitFailure


class ImportBases:
    """The bases of these models in the history of HEAD. `line` is that history, None without a
    repository; `owner` is what marks a model as this repository's, None if that is not known."""

    def __init__(self, workspace: Workspace, models: Sequence[ObservedModel]) -> None:
        self._workspace = workspace
        self._models = models
        self.line = _head_line(workspace)
        self.owner = None if self.line is None else workspace.owner(self.line)

    def basis(self, observed: ObservedModel, manifest: Manifest) -> Basis:
        """The manifest at the commit that the model was last reconciled to, or else at the last
        commit."""
        data = self._contents.get(observed.name)
        before = read_manifest(data, manifest.file)[0] if data is not None else None
        return Basis(before, reconciled=self._is_reconciled(observed))

    def _is_reconciled(self, observed: ObservedModel) -> bool:
        """Whether this repository reconciled a model to a commit in the history of HEAD."""
        if self.line is None or observed.owner != self.owner:
            return False
        return observed.base in self.line.index

    @cached_property
    def _contents(self) -> Mapping[str, bytes]:
        """The content of each model's manifest at its basis, by the model's name. All are read from
        git at once."""
        if self.line is None:
            return {}
        changes_by_stem: dict[str, list[tuple[int, str | None]]] = {}
        for index, path, blob in self.line.changes:
            changes_by_stem.setdefault(stem_of(path), []).append((index, blob))

        blobs: dict[str, str] = {}
        for model in self._models:
            end = len(self.line.shas)
            if self._is_reconciled(model):
                end = self.line.index[model.base or ""]
            changes = changes_by_stem.get(file_stem(model.name), ())
            blob = _last_blob([change for change in changes if change[0] <= end])
            if blob is not None:
                blobs[model.name] = blob
        contents = self._workspace.git.blobs(blobs.values())
        return {name: contents[blob] for name, blob in blobs.items() if blob in contents}


def _head_line(workspace: Workspace) -> MainLine | None:
    """The history of HEAD; None without a repository."""
    try:
        git = workspace.git
        if not git.has_commits():
            return MainLine([], [], {})
        return git.line(git.resolve("HEAD"), workspace.registry)
    except GitFailure:
        return None


def _last_blob(changes: Sequence[tuple[int, str | None]]) -> str | None:
    """The blob of a manifest after its last change (index, blob); None if it was deleted. A move is
    a deletion and a new file in one commit, in either order."""
    if not changes:
        return None
    last_index = changes[-1][0]
    return next((blob for index, blob in changes if index == last_index and blob is not None), None)
