"""The limit on one run: more changed models are taken for a mistake (RULES R3, R4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlflow_gitops.core.plan.plan import Change, ModelPlan
from mlflow_gitops.core.verdicts.verdict import Refusal

if TYPE_CHECKING:
    from mlflow_gitops.core.manifests.restrictions import Limit

_COUNTED = frozenset({"transition", "set_alias", "delete_alias"})


def limit_refusal(
    models: Sequence[ModelPlan],
    limit: Limit | None,
    max_changes: int | None,
    unplanned: int = 0,
    *,
    is_everything_pruned: bool = False,
) -> Refusal | None:
    """Refuse a run that changes the stages or aliases of too many models; None if it may go on.

    `max_changes` replaces the policy's number. `unplanned` counts more models that were looked at
    and do not change. With `is_everything_pruned`, no manifest is left and all these models are to
    be emptied: more than one is then too many, whatever the policy allows.

    Stamps, tags and descriptions do not count, nor do models that are new to MLflow or have an
    invalid file, nor the aliases that an adoption adds to stages.
    """
    count = sum(not model.is_invalid for model in models) + unplanned
    changed = [model.model for model in models if _counts(model)]
    allowed = limit.max_changes(count) if limit is not None else None
    if is_everything_pruned:
        allowed = 1
    if max_changes is not None:
        allowed = max_changes
    if allowed is None or len(changed) <= allowed:
        return None

    if is_everything_pruned and max_changes is None:
        detail = (
            "there is no manifest left here, and --prune would empty the stages of"
            f" {len(changed)} of {count} models"
        )
        way_out = (
            "git revert what took the manifests away; if it is meant, reconcile --prune"
            f" --max-changes {len(changed)}"
        )
    else:
        examples = ", ".join(changed[:3]) + (" …" if len(changed) > 3 else "")
        detail = (
            f"{len(changed)} of {count} models would change a stage or an alias, and {allowed} may"
            f" in one run ({examples})"
        )
        way_out = f"look at the plan; if it is meant, reconcile --max-changes {len(changed)}"
    return Refusal("limit", detail, way_out, expected=str(allowed), actual=str(len(changed)))


def _counts(model: ModelPlan) -> bool:
    """Whether a model changes a stage or an alias that MLflow has."""
    if model.sync == "Missing" or model.is_invalid:
        return False
    changes = [change for change in model.applying if change.action in _COUNTED]
    return any(not _is_adopted_alias(change, model) for change in changes)


def _is_adopted_alias(change: Change, model: ModelPlan) -> bool:
    """Whether a change only gives a new alias to the version that holds a stage in MLflow already.
    The model was never reconciled, and nothing that is loaded becomes another version."""
    adds_alias = change.action == "set_alias" and change.before is None
    kept = [held for stage, held in model.observed.items() if model.desired.get(stage) == held]
    return adds_alias and model.base is None and (change.after,) in kept
