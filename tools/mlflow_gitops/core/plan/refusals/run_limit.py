"""The limit on one run: more changed models are taken for a mistake (RULES R3, R4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlflow_gitops.core.plan.plan import ModelPlan
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
    invalid file.
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
    is_left_out = model.sync == "Missing" or model.is_invalid
    return not is_left_out and any(change.action in _COUNTED for change in model.applying)
