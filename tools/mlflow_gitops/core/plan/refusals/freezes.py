"""Changes that a freeze of the policy holds back (RULES R3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mlflow_gitops.core.history.model_history import ModelHistory
from mlflow_gitops.core.history.stage_entries import new_holders
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.core.plan.context import PlanContext
from mlflow_gitops.core.plan.plan import Change
from mlflow_gitops.core.verdicts.verdict import Refusal


def freeze_reason(
    desired: Desired,
    history: ModelHistory,
    model: ObservedModel,
    changes: Sequence[Change],
    context: PlanContext,
) -> str | None:
    """Why a freeze of the policy, or of one that judges the change, holds these changes back; None
    if none does. Rollbacks pass: each version that comes to hold a stage held it before, as
    receipts say (RULES R3)."""
    policies = (desired.policy, *history.judges)
    freezes = [policy.freeze for policy in policies if policy.freeze is not None]
    active = [freeze for freeze in freezes if freeze.is_active(context.now)]
    if not active or not any(change.cause == "commit" for change in changes):
        return None

    if _goes_back_only(desired, history, model, changes, context):
        return None
    return f"changes are frozen until {active[0].until}: {active[0].reason}"


def _goes_back_only(
    desired: Desired,
    history: ModelHistory,
    model: ObservedModel,
    changes: Sequence[Change],
    context: PlanContext,
) -> bool:
    """Whether every version that comes to hold a stage is a rollback, and no alias of the
    manifest's own moves to another version. There must be such a version."""
    from mlflow_gitops.core.verdicts.entry_tenures import EntryTenures  # freezes are rare

    new_entries = set(new_holders(desired, history.before))
    rollbacks = {
        (entry.stage, entry.version)
        for entry in history.entries
        if EntryTenures(entry, history, model, context.evidence).is_rollback
    }
    versions = {version for _, version in new_entries}
    aliases_move = any(
        change.action == "set_alias"
        and change.cause == "commit"
        and change.key in desired.manifest.aliases
        and change.after not in versions
        for change in changes
    )
    return bool(new_entries) and new_entries <= rollbacks and not aliases_move


def freeze_refusals(
    desired: Desired,
    history: ModelHistory,
    model: ObservedModel,
    changes: Sequence[Change],
    context: PlanContext,
) -> Iterator[Refusal]:
    reason = freeze_reason(desired, history, model, changes, context)
    if reason is not None:
        way_out = (
            "wait for its end, or let the platform team lift it in the policy and make the change"
            " anew after that"
        )
        yield Refusal("frozen", reason, way_out, "commit")
