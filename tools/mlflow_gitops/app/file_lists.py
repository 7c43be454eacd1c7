"""The lists of files behind pinned digests: this machine's cache has those that were read here,
receipts those of versions that a reconcile compared. Either may be forged or lost: a list counts
only if its digest is the pinned one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.recorded.file_digests import ModelFiles
from mlflow_gitops.core.recorded.file_lists import read_list
from mlflow_gitops.edges.system.cache import kept_list
from mlflow_gitops.errors import Failure


class FileLists:
    """Finds lists in one repository. Receipts are read only if the cache does not have one."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def find(self, digest: str) -> ModelFiles | None:
        """The files that a digest was made of; None if nobody kept their list."""
        return kept_list(digest) or self.recorded(digest)

    def recorded(self, digest: str) -> ModelFiles | None:
        """The same by receipts alone, so that it is equal on every machine that has them."""
        for lists in self._receipts:
            if digest in lists and (files := read_list(lists[digest], digest)) is not None:
                return files
        return None

    @cached_property
    def _receipts(self) -> list[Mapping[str, Any]]:
        return list(_lists(self._workspace))


def _lists(workspace: Workspace) -> Iterator[Mapping[str, Any]]:
    """The lists in all receipts, the newest first; none if receipts cannot be read."""
    try:
        receipts = workspace.receipts_branch.receipts()
    except Failure:
        return
    for receipt in reversed(receipts):
        for model in receipt.models():
            yield model.file_lists
