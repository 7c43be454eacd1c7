"""The limit on one run: more changed models than that are taken for a mistake (RULES R3, R4)."""

from __future__ import annotations

from collections.abc import Sequence

from mlflow_gitops.core.manifests.policy import Limit
from mlflow_gitops.core.plan.plan import ModelPlan
from mlflow_gitops.core.verdicts.verdict import Refusal

_COUNTED = frozenset({"transition", "set_alias", "delete_alias"})


def limit_refusal(
    models: Sequence[ModelPlan],
    limit: Limit | None,
    max_changes: int | None,
    others: int = 0,
    *,
    emptied: bool = False,
) -> Refusal | None:
    """Refuse a run that changes the stages or aliases of too many models. `max_changes` replaces
    the policy's number; `others` counts models that are looked at and known not to change.
    `emptied` says that no manifest is left and that all these are to be pruned: more than one is
    then too many, whatever the policy says, if it still is there.

    Stamps, tags and descriptions do not count, nor do models that are new to MLflow.
    """
    all_models = len(models) + others
    allowed = (
        max_changes
        if max_changes is not None
        else limit.max_changes(all_models)
        if limit is not None
        else None
    )
    if emptied and max_changes is None:
        allowed = 1
    changed = [
        model.model
        for model in models
        if model.sync != "Missing" and any(change.action in _COUNTED for change in model.applying)
    ]
    if allowed is None or len(changed) <= allowed:
        return None
    if emptied and max_changes is None:
        return Refusal(
            "limit",
            f"there is no manifest left here, and --prune would empty the stages of {len(changed)}"
            f" of {all_models} models",
            "git revert what took the manifests away; if it is meant, reconcile --prune"
            f" --max-changes {len(changed)}",
            expected=str(allowed),
            actual=str(len(changed)),
        )
    few = ", ".join(changed[:3]) + (" …" if len(changed) > 3 else "")
    return Refusal(
        "limit",
        f"{len(changed)} of {all_models} models would change a stage or an alias, and {allowed} may"
        f" in one run ({few})",
        f"look at the plan; if it is meant, reconcile --max-changes {len(changed)}",
        expected=str(allowed),
        actual=str(len(changed)),
    )
