"""The drift that a reconcile healed: what was set in MLflow, and what replaced it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mlflow_gitops.core.manifests.names import ACTIVE_STAGES
from mlflow_gitops.core.plan.plan import Change, Value
from mlflow_gitops.core.wording import and_list
from mlflow_gitops.render.plan.phrases import quoted

_LONGEST_VALUE = 60


def healed_drift(changes: Sequence[Change]) -> Iterator[str]:
    """One sentence for each stage, alias, tag and description whose drift was healed: `Production 3
    (set in MLflow) replaced by 5`."""
    drifted = [change for change in changes if change.cause == "drift"]
    moves = [change for change in drifted if change.action == "transition"]
    for stage in ACTIVE_STAGES:
        left = [move.version or 0 for move in moves if move.before == stage]
        entered = [move.version or 0 for move in moves if move.after == stage]
        if left and entered:
            yield f"{stage} {and_list(left)} (set in MLflow) replaced by {and_list(entered)}"
        elif entered:
            yield f"{stage}, which {and_list(entered)} had left in MLflow, holds it again"
        elif left:
            yield f"{stage} {and_list(left)} (set in MLflow) removed"
    for change in drifted:
        if change.action != "transition":
            yield _healed(change)


def _healed(change: Change) -> str:
    match change.action:
        case "create_model" | "register_version":
            return f"{_name(change)} was missing in MLflow and is registered"
        case "set_alias" | "set_tag" | "set_description" if change.before in (None, ""):
            return f"{_name(change)}, removed in MLflow, is {_text(change.after)} again"
        case "delete_alias" | "delete_tag":
            return f"{_name(change)} {_text(change.before)} (set in MLflow) removed"
    return (
        f"{_name(change)} {_text(change.before)} (set in MLflow) replaced by {_text(change.after)}"
    )


def _name(change: Change) -> str:
    """What a change is about: `alias champion`, `tag team of version 3`."""
    match change.action:
        case "create_model":
            name = "the model"
        case "register_version":
            return f"version {change.version}"
        case "set_alias" | "delete_alias":
            return f"alias {change.key}"
        case "set_tag" | "delete_tag":
            name = f"tag {change.key}"
        case _:
            name = "description"
    return name if change.version is None else f"{name} of version {change.version}"


def _text(value: Value) -> str:
    if not isinstance(value, str):
        return str(value)
    return quoted(value, _LONGEST_VALUE)
