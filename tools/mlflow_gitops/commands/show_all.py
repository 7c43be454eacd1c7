"""`show MODEL --all-envs`: what holds which stage in each environment, and what it was copied
from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from mlflow_gitops.app.audit.holders import holders_applied, holders_declared
from mlflow_gitops.app.audit.trail import AuditTrail
from mlflow_gitops.app.environments.all_statuses import environments_of
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.output import note, print_result
from mlflow_gitops.core.audit.stage_holders import StageHolders
from mlflow_gitops.core.audit.trail import AuditedEvent
from mlflow_gitops.core.manifests.origin_pin import OriginPin
from mlflow_gitops.errors import OK, Failure
from mlflow_gitops.render import formats
from mlflow_gitops.render.environments.show import ModelEverywhere, ModelInEnvironment
from mlflow_gitops.settings import Settings


def run(settings: Settings, model: str, at: str | None, form: str, *, in_effect: bool) -> int:
    """Print which versions git declared in each environment or, with `in_effect`, which ones MLflow
    held by the receipts. Raises Failure if no environment ever had the model."""
    names = environments_of(Workspace(settings, all_environments=True))
    trails: dict[str, AuditTrail] = {}
    failures: list[Failure] = []
    for name in names:
        try:
            trails[name] = AuditTrail(Workspace(replace(settings, environment=name)), model)
        except Failure as failure:
            failures.append(failure)
    if not trails:
        raise failures[0]

    environments = [
        _in_environment(name, trails, at, in_effect=in_effect) for name in names if name in trails
    ]
    environments += [ModelInEnvironment(name) for name in names if name not in trails]
    print_result(formats.SHOW_ALL, form, ModelEverywhere(model, environments))
    for hint in dict.fromkeys(hint for trail in trails.values() for hint in trail.hints()):
        note(settings, hint)
    return OK


def _in_environment(
    name: str, trails: Mapping[str, AuditTrail], at: str | None, *, in_effect: bool
) -> ModelInEnvironment:
    trail = trails[name]
    index = trail.moments.index_of(at) if at is not None else len(trail.line.shas) - 1
    listed = holders_applied(trail, index, at) if in_effect else holders_declared(trail, index)
    if not listed:
        return ModelInEnvironment(name)

    [timeline] = trail.timelines
    desired = timeline.desired_at(index)
    origins = {
        version: spec.origin
        for version, spec in (desired.manifest.versions if desired else {}).items()
        if spec.origin is not None and _holds(listed[0], version)
    }
    promoted = {
        version: _promotion(trails.get(origin.environment), origin)
        for version, origin in origins.items()
    }
    return ModelInEnvironment(name, listed[0], origins, promoted)


def _holds(holders: StageHolders, version: int) -> bool:
    return any(version in versions for versions in holders.stages.values())


def _promotion(trail: AuditTrail | None, origin: OriginPin) -> AuditedEvent | None:
    """The last event that gave the original a stage in its own environment."""
    if trail is None:
        return None
    [timeline] = trail.timelines
    events = [event for event in timeline.events if origin.version in event.enters]
    return trail.audit(events[-1:])[0] if events else None
