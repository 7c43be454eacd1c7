"""The files of versions that a reconcile compares with their pins."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mlflow_gitops.core.observed.model import ObservedVersion
from mlflow_gitops.core.recorded.file_digests import ModelFiles
from mlflow_gitops.core.recorded.values import Unreadable
from mlflow_gitops.errors import RegistryFailure

if TYPE_CHECKING:
    from mlflow_gitops.edges.mlflow.registry import Registry


class VersionFiles:
    """Reads the files of one registry's versions. A model is planned again after each of its
    writes, and its files are read only the first time."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._read: dict[tuple[str, int, str | None], ModelFiles | Unreadable] = {}

    def read(self, model: str, version: ObservedVersion) -> ModelFiles:
        """The files of a version. Raises Unreadable, or the RegistryFailure itself if that is
        transient, so that the caller can retry."""
        key = model, version.number, version.source
        if key not in self._read:
            try:
                self._read[key] = self._registry.files(model, version)
            except RegistryFailure as failure:
                if failure.transient:
                    raise
                self._read[key] = Unreadable(str(failure))

        files = self._read[key]
        if isinstance(files, Unreadable):
            raise files
        return files

    def of(self, model: str) -> tuple[ModelFiles, ...]:
        """The files of each version of a model that was read."""
        return tuple(
            files
            for (name, _, _), files in self._read.items()
            if name == model and isinstance(files, ModelFiles)
        )

    def forget(self, models: Iterable[str]) -> None:
        """Read the files of these models anew the next time: what is true of them now need not be
        true then."""
        forgotten = set(models)
        self._read = {key: files for key, files in self._read.items() if key[0] not in forgotten}
