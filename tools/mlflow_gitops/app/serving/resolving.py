"""Which version holds a stage, by git alone: for what deploys and loads models."""

from __future__ import annotations

from mlflow_gitops.app.audit.holders import holders_applied, holders_declared
from mlflow_gitops.app.audit.trail import AuditTrail
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.audit.events import ModelTimeline
from mlflow_gitops.core.audit.stage_holders import StageHolders
from mlflow_gitops.core.manifests.manifest import VersionSpec
from mlflow_gitops.core.observed.resolved import Resolved
from mlflow_gitops.core.wording import did_you_mean
from mlflow_gitops.errors import Refused, UsageFailure


def resolve_stage(
    workspace: Workspace, model: str, stage: str, *, effective: bool = False
) -> Resolved:
    """The version that holds a stage (or `@alias`) on the main line or, with `effective`, that
    holds it in MLflow by the receipts. Of several, the one that MLflow serves: the highest number.

    Makes no request. Raises Refused if no version holds the stage, UsageFailure if there is no such
    stage, and Failure for a model without a manifest.
    """
    trail = AuditTrail(workspace, model)
    index = len(trail.line.shas) - 1
    all_holders = (
        holders_applied(trail, index, None) if effective else holders_declared(trail, index)
    )
    [timeline] = trail.timelines
    desired = timeline.desired_at(index)
    holders = all_holders[0] if all_holders else None

    resolved = None
    if holders is not None:
        resolved = resolved_holder(trail, timeline, holders, stage, effective=effective)
    if resolved is None:
        stages = {*(desired.policy.stages if desired else ()), *(holders.stages if holders else ())}
        if stage not in stages:
            hint = did_you_mean(stage, stages) or f"the stages are {', '.join(sorted(stages))}."
            raise UsageFailure(f"There is no stage {stage!r} of {model}; {hint}")
        raise _empty(model, stage, trail, effective=effective)
    return resolved


def resolved_holder(
    trail: AuditTrail,
    timeline: ModelTimeline,
    holders: StageHolders,
    stage: str,
    *,
    effective: bool,
) -> Resolved | None:
    """The version that holds a stage of a model, with its pins; None if none does."""
    versions, since = holders.stages.get(stage, ()), holders.since.get(stage)
    if not versions or since is None:
        return None
    model = timeline.model
    if effective:
        # What was pinned when the model was reconciled last, not what was merged since.
        runs = trail.ledger.applied_as(timeline.periods)
        desired = timeline.desired_at(runs[-1].index) if runs else None
    else:
        desired = timeline.desired_at(len(trail.line.shas) - 1)
    number = max(versions)
    spec = desired.manifest.versions.get(number) if desired is not None else None
    pin = spec or VersionSpec()
    scheme = "prompts" if desired is not None and desired.manifest.kind == "prompt" else "models"
    return Resolved(
        model,
        stage,
        number,
        f"{scheme}:/{model}/{number}",
        pin.files_digest,
        pin.run_id,
        since.commit,
        since.at,
    )


def _empty(model: str, stage: str, trail: AuditTrail, *, effective: bool) -> Refused:
    if not effective:
        return Refused(f"No version of {model} holds {stage} on {trail.workspace.main_ref}.")
    hints = " ".join(trail.hints())
    return Refused(f"No receipt says that a version of {model} holds {stage}.", fix=hints)
