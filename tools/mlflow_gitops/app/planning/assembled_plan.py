"""Put the plans of single models together to one plan."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mlflow_gitops.app.planning.changed_plans import held_back
from mlflow_gitops.app.planning.run_limits import RunLimits
from mlflow_gitops.app.planning.selection import PlannedModels
from mlflow_gitops.app.planning.target import ManifestDeletions, Target
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.plan.fingerprint import fingerprint
from mlflow_gitops.core.plan.plan import ModelPlan, Plan, RemovedManifest
from mlflow_gitops.core.plan.stage_rows import observed_stages

if TYPE_CHECKING:
    from mlflow_gitops.edges.mlflow.registry import Registry


def assembled(
    workspace: Workspace,
    registry: Registry,
    target: Target,
    models: tuple[ModelPlan, ...],
    selection: PlannedModels,
    limits: RunLimits,
) -> Plan:
    """The plan of these models. If they are too many for one run, none of it applies."""
    refusal = limits.refusal(models, selection)
    if refusal is not None:
        models = tuple(held_back(model) for model in models)

    made_from = fingerprint(
        target.snapshot.digest,
        registry.display_uri,
        registry.workspace,
        workspace.owner(target.line),
        ((name, selection.observed.get(name)) for name in selection.managed),
    )
    return Plan(
        target.commit,
        models,
        made_from,
        unmanaged=selection.unmanaged,
        without_manifest=selection.without_manifest,
        removed=tuple(_removals(workspace, target, selection)),
        refusals=(refusal,) if refusal else (),
        onto=target.merge.name if target.merge else None,
        unchanged_models=selection.unplanned,
        errors=(*workspace.list_errors, *selection.validity.errors),
        earlier_errors=selection.earlier_errors,
    )


def _removals(
    workspace: Workspace, target: Target, selection: PlannedModels
) -> Iterator[RemovedManifest]:
    """The models without a manifest whose manifest this target deletes, and what MLflow keeps."""
    deletions = ManifestDeletions(workspace, target)
    for name in selection.without_manifest:
        before = (selection.branch or {}).get(name)
        if before is None and (selection.branch is not None or not deletions.includes(name)):
            continue
        holders = observed_stages(selection.observed[name], before).items()
        stages = {stage: versions for stage, versions in holders if stage != "Archived"}
        yield RemovedManifest(name, stages)
