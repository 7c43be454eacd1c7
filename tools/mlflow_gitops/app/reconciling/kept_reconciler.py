"""The reconciler that the rounds of the watch loop share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from mlflow_gitops.app.planning.options import PlanOptions
from mlflow_gitops.app.planning.target import Target
from mlflow_gitops.app.reconciling.reconcile import Reconciler
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.errors import RegistryFailure

if TYPE_CHECKING:
    from mlflow_gitops.edges.mlflow.registry import Registry

_EVIDENCE_LIFETIME = 15 * 60.0
"""Seconds for which a round judges by what earlier rounds read of MLflow and GitHub: a refusal is
judged by new readings after that time."""


class KeptReconciler:
    """Makes the reconciler of a commit. It is kept for the next rounds, since it has read what
    gates ask, but not for ever.

    `connect` returns the registry, or raises RegistryFailure as long as it cannot be reached.
    `clock` is monotonic.
    """

    def __init__(
        self,
        connect: Callable[[], Registry],
        plan_options: PlanOptions,
        clock: Callable[[], float],
        *,
        push_receipts: bool,
        jobs: int | None,
    ) -> None:
        self._connect = connect
        self._plan_options = plan_options
        self._clock = clock
        self._push = push_receipts
        self._jobs = jobs
        self._registry: Registry | None = None
        self._reconciler: Reconciler | None = None
        self._made_at = 0.0

    def at(self, workspace: Workspace, commit: str) -> Reconciler:
        """The reconciler of a commit."""
        current = self._reconciler
        is_fresh = self._clock() - self._made_at < _EVIDENCE_LIFETIME
        if current is not None and current.commit == commit and is_fresh:
            return current

        self._reconciler = None
        snapshot = workspace.at(commit)
        try:
            self._registry = self._registry or self._connect()
        except RegistryFailure:
            self._registry = None
            raise
        self._reconciler = Reconciler(
            workspace,
            self._registry,
            Target.of_commit(workspace, snapshot, commit),
            self._plan_options,
            push_receipts=self._push,
            jobs=self._jobs,
        )
        self._made_at = self._clock()
        return self._reconciler
