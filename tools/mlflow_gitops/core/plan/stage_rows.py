"""The rows that lead a plan: what each stage will be, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from mlflow_gitops.core.history.model_history import ModelHistory
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.core.plan.plan import Change, StageChange

Holders = tuple[int, ...]


def observed_stages(observed: ObservedModel, desired: Desired | None = None) -> dict[str, Holders]:
    """What holds each stage in MLflow, custom stages by their alias. Empty stages are left out."""
    holders = {stage: observed.holders(stage) for stage in ("Production", "Staging", "Archived")}
    for rule in desired.policy.stages.values() if desired else ():
        if not rule.native:
            holder = observed.aliases.get(rule.alias or "")
            holders[rule.name] = (holder,) if holder is not None else ()
    return {stage: versions for stage, versions in holders.items() if versions}


def desired_stages(desired: Desired) -> dict[str, Holders]:
    """What the manifest names for each stage, in display order."""
    return {
        stage: desired.holders(stage)
        for stage in desired.policy.stages
        if stage in desired.manifest.stages
    }


def stage_rows(
    desired: Desired, history: ModelHistory, observed: ObservedModel, changes: Sequence[Change]
) -> Iterator[StageChange]:
    """One row for each stage that will change. Archived is shown only if the manifest lists a
    version for it."""
    holders = observed_stages(observed, desired)
    for stage, rule in desired.policy.stages.items():
        before, after = holders.get(stage, ()), desired.holders(stage)
        if stage == "Archived":
            # A version that goes there unnamed is shown with the stage that it leaves.
            before = tuple(version for version in before if version in after)
        if before == after:
            continue

        moved = set(before) ^ set(after)
        moves = [change for change in changes if _moves(change, moved, rule.alias)]
        if any(change.cause == "commit" for change in moves):
            commit = history.made_by(partial(_holders, stage))
            yield StageChange(stage, before, after, "commit", commit)
        else:
            reason = _drift_text(stage, rule.native, before, after, observed)
            yield StageChange(stage, before, after, "drift", None, reason)


def _holders(stage: str, state: Desired | None) -> Holders:
    return state.holders(stage) if state else ()


def _moves(change: Change, versions: set[int], alias: str | None) -> bool:
    """Whether a change moves one of these versions, or the alias that is the stage."""
    if change.action == "transition":
        return change.version in versions
    return change.action in ("set_alias", "delete_alias") and change.key == alias


def _drift_text(
    stage: str, is_native: bool, before: Holders, after: Holders, observed: ObservedModel
) -> str:
    """What happened in MLflow: `8 was moved to None in MLflow`."""
    texts = []
    for version in after:
        if version in before:
            continue
        if version not in observed.versions:
            texts.append(f"{version} was deleted in MLflow")
        elif not is_native:
            texts.append(f"{version} lost its alias in MLflow")
        else:
            texts.append(f"{version} was moved to {observed.versions[version].stage} in MLflow")

    entered = [version for version in before if version not in after]
    texts += [f"{version} was moved to {stage} in MLflow" for version in entered]
    return ", ".join(texts)
