"""What a reconcile did, for what deploys models: one change for each stage of a model that came to
be held by another version, or by none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.manifest import VersionSpec
from mlflow_gitops.core.plan.outcome import Outcome

_NOT_SERVED = ("None", "Archived")


@dataclass(frozen=True, slots=True)
class AppliedChange:
    """One change that was read back from MLflow. `version` and `uri` are None if no version holds
    the stage any more; `digest` and `run_id` are what git pins, None without a pin. `commit` is the
    one that was reconciled, `receipt` the digest of the run's receipt, if it was written."""

    model: str
    stage: str
    version: int | None
    uri: str | None
    digest: str | None
    run_id: str | None
    commit: str
    environment: str | None
    receipt: str | None


def applied_changes(
    outcomes: Iterable[Outcome],
    desired: Mapping[str, Desired],
    commit: str,
    environment: str | None,
    receipt: str | None,
) -> Iterator[AppliedChange]:
    """The changes of a run, in the order of its outcomes."""
    for outcome in outcomes:
        target = desired.get(outcome.model)
        entries: list[tuple[str, int | None]] = list(outcome.entered)
        if target is not None:
            entries += [(stage, None) for stage in sorted(_emptied(outcome, target))]

        for stage, version in entries:
            spec = target.manifest.versions.get(version or 0) if target is not None else None
            pin = spec or VersionSpec()
            is_prompt = target is not None and target.manifest.kind == "prompt"
            scheme = "prompts" if is_prompt else "models"
            yield AppliedChange(
                outcome.model,
                stage,
                version,
                f"{scheme}:/{outcome.model}/{version}" if version is not None else None,
                pin.files_digest,
                pin.run_id,
                commit,
                environment,
                receipt,
            )


def _emptied(outcome: Outcome, desired: Desired) -> set[str]:
    """The stages that versions left and that no version holds now."""
    if outcome.result != "applied":
        return set()
    by_alias = {rule.alias: rule.name for rule in desired.policy.stages.values() if rule.alias}
    vacated = set()
    for change in outcome.changes:
        if change.action == "transition":
            vacated.add(str(change.before))
        elif change.action == "delete_alias":
            vacated.add(by_alias.get(change.key or "", "None"))
    entered = {stage for stage, _ in outcome.entered}
    return {
        stage
        for stage in vacated - entered
        if stage not in _NOT_SERVED and not desired.holders(stage)
    }
