"""What a repository remembers of its main line, if it has an index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mlflow_gitops.edges.git.history import History

if TYPE_CHECKING:
    from mlflow_gitops.core.history.mainline import MainLine
    from mlflow_gitops.core.manifests.blob_reader import ReadManifest
    from mlflow_gitops.edges.git.index.history_index import HistoryIndex


class Remembering(History):
    """The history of one repository, with an index."""

    index: HistoryIndex | None = None
    """What is remembered of the main line; None if nothing is."""

    def recall(self, path: str, blob: str) -> ReadManifest | None:
        """What an earlier process read in a manifest; None if that is not known."""
        return self.index.manifests.recall(path, blob) if self.index is not None else None

    def remember(self, manifests: Mapping[str, Mapping[str, ReadManifest]]) -> None:
        """Let later processes recall what was read in manifests, by path and blob id."""
        if self.index is not None:
            self.index.manifests.remember(manifests)

    def is_indexed(self, line: MainLine) -> bool:
        """Return whether the index has every commit of a line."""
        return self.index is not None and self.index.covers(line)

    def _index_of(self, paths: Sequence[str]) -> HistoryIndex | None:
        """The index, if it is one of these paths."""
        has_index = self.index is not None and self.index.paths == tuple(paths)
        return self.index if has_index else None
