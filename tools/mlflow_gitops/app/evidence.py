"""Gather what gates may ask: of MLflow, of other environments, of GitHub, of plug-ins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlflow_gitops.app.approvals import Approving
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.gates.judge import Evidence
from mlflow_gitops.core.observed.model import ObservedVersion
from mlflow_gitops.core.observed.recorded import ModelFile, Record, Unreadable
from mlflow_gitops.edges.system.plugins import gates
from mlflow_gitops.errors import RegistryFailure

if TYPE_CHECKING:
    from mlflow_gitops.edges.mlflow.registry import Registry


def evidence(workspace: Workspace, registry: Registry) -> Evidence:
    """What gates may ask, each thing read once: a run planning a model again judges what it judged
    before."""

    approving = Approving(workspace)
    records: dict[tuple[str | None, str | None], Record | None] = {}
    files: dict[tuple[str, int, str | None], ModelFile | None] = {}

    def read(version: ObservedVersion) -> Record | None:
        if version.origin is not None:
            return registry.elsewhere.look(version.origin).record
        key = version.run_id, version.model_id
        if key not in records:
            try:
                records[key] = registry.record(version)
            except RegistryFailure as failure:
                if failure.transient:
                    raise
                raise Unreadable(str(failure)) from None
        return records[key]

    def read_file(model: str, version: ObservedVersion) -> ModelFile | None:
        if version.origin is not None:
            return registry.elsewhere.look(version.origin).file
        key = model, version.number, version.source
        if key not in files:
            try:
                files[key] = registry.model_file(model, version)
            except RegistryFailure as failure:
                raise Unreadable(str(failure)) from None
        return files[key]

    return Evidence(
        read=read,
        read_file=read_file,
        origin=lambda pin: registry.elsewhere.look(pin).version,
        approvals=approving.approvals,
        claims=approving.claims,
        merged=lambda commit: commit.sha in workspace.main_line,
        plugins=gates,
    )
