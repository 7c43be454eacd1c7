"""Find the base of a model: read the main line and the receipts only if the answer depends on
them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from mlflow_gitops.app.planning.target import Target
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.history.base import UNREAD_BASE, Base, find_base
from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.edges.git.notes import UNREADABLE, Notes
from mlflow_gitops.errors import GitFailure


class _UnreadReceipts(Exception):
    """The base depends on receipts that cannot be read."""


class BaseFinder:
    """Finds the bases of models for one target. `owner` is this repository's; None in a shallow
    clone."""

    def __init__(
        self, workspace: Workspace, target: Target, owner: str | None, *, adopt: bool
    ) -> None:
        self._workspace = workspace
        self.line = target.line.index
        self.owner = owner
        self._adopt = adopt

    def base(self, name: str, observed: ObservedModel | None) -> Base:
        """The base of a model that MLflow shows like this; None if MLflow does not have it."""
        try:
            return find_base(
                name,
                observed,
                self.owner,
                self.line,
                self.is_on_main_line,
                self._last_applied_commit,
                adopt=self._adopt,
            )
        except _UnreadReceipts:
            return UNREAD_BASE

    def is_on_main_line(self, commit: str) -> bool:
        """Whether a commit is on the main line, as it is now, and exists in this clone."""
        return commit in self._workspace.main_line and self._workspace.git.exists(commit)

    def read_receipts_again(self) -> None:
        """Let the next question read the receipts anew: a run may have written some since."""
        self.__dict__.pop("_last_applied", None)

    def _last_applied_commit(self, name: str) -> str | None:
        if self._last_applied is None:
            raise _UnreadReceipts
        return self._last_applied.get(name)

    @cached_property
    def _last_applied(self) -> Mapping[str, str] | None:
        """The models that a receipt in this clone reports as applied, each with its newest such
        commit; None if the receipts cannot be read. Only read if a stamp or a model is missing."""
        try:
            receipts = Notes.of_repository(self._workspace.git).receipts()
        except GitFailure as failure:
            if failure.code == UNREADABLE:
                return None
            raise
        return {
            name: receipt.commit
            for receipt in receipts
            if receipt.content.get("owner") == self.owner
            for name in receipt.applied()
        }
