"""What is known of a stage's versions, as JSON."""

from __future__ import annotations

from typing import Any

from mlflow_gitops.core.plan.plan import ModelPlan, Plan, StageChange
from mlflow_gitops.core.plan.review import ReviewedVersion, has_owner_approved


def stage_review_data(row: StageChange, model: ModelPlan, plan: Plan) -> dict[str, Any]:
    """When the present version came to hold the stage, both versions, and links; nothing if the
    plan is not made to be reviewed."""
    review, links = row.review, plan.links
    if review is None or links is None:
        return {}
    since = review.held_since
    versions = [version for version in (review.before, review.after) if version is not None]
    return {
        "held_since": {"at": since.at, "at_least": since.at_least} if since else None,
        "versions": [_version(version, model, plan) for version in versions],
        "commit_url": links.of_commit(row.commit.sha) if row.commit else None,
        "code_diff_url": links.of_code_diff(review),
    }


def _version(version: ReviewedVersion, model: ModelPlan, plan: Plan) -> dict[str, Any]:
    assert plan.links is not None
    return {
        "version": version.number,
        "url": plan.links.of_version(model.model, version),
        "run_id": version.run_id,
        "run_url": plan.links.of_run(version),
        "trained_by": version.trained_by,
        "code_commit": version.code_commit,
        "code_url": plan.links.of_code(version),
        "datasets": [{"name": data.name, "digest": data.digest} for data in version.datasets],
        "elsewhere": [
            {"environment": copy.environment, "version": copy.version, "stages": [*copy.stages]}
            for copy in version.copies
        ],
    }


def approval_data(model: ModelPlan, plan: Plan) -> dict[str, Any]:
    """Owners and who approved; nothing if the plan is not made to be reviewed."""
    if plan.links is None:
        return {}
    approvers = model.approvers
    return {
        "owners": list(model.owners),
        "approved_by": list(approvers.by) if approvers else None,
        "owner_approved": has_owner_approved(model.owners, approvers.by) if approvers else None,
    }
