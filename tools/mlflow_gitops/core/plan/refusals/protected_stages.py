"""Protected stages that a change would leave empty (RULES R4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mlflow_gitops.core.history.model_history import ModelHistory
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.policy import StageRule
from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.core.plan.plan import Change
from mlflow_gitops.core.verdicts.verdict import Refusal
from mlflow_gitops.core.wording import and_list


def protected_refusals(
    desired: Desired, history: ModelHistory, model: ObservedModel
) -> Iterator[Refusal]:
    """An occupied protected stage is left empty only by an explicit null. A policy before this
    change may protect more stages, and a stage may have had another alias there."""
    base = (history.before.policy,) if history.before else ()
    policies = (desired.policy, *history.judges)
    for stage in dict.fromkeys(stage for policy in policies for stage in policy.stages):
        rules = [policy.stages[stage] for policy in policies if stage in policy.stages]
        if stage in desired.manifest.stages or not any(rule.protected for rule in rules):
            continue

        rules += [policy.stages[stage] for policy in base if stage in policy.stages]
        holders = set().union(*(_holders(model, rule) for rule in rules))
        if holders:
            versions = ", ".join(map(str, sorted(holders)))
            yield Refusal(
                "protected",
                f"{stage} is protected and held by {versions}; the manifest does not name it, which"
                " would leave it empty",
                f"name the version that holds it, or write {stage}: null to empty it on purpose",
                field=stage,
            )


def _holders(model: ObservedModel, rule: StageRule) -> set[int]:
    holders = set(model.holders(rule.name)) if rule.native else set()
    if rule.alias is not None and rule.alias in model.aliases:
        holders.add(model.aliases[rule.alias])
    return holders


def emptied_refusals(
    desired: Desired, model: ObservedModel, changes: Sequence[Change]
) -> Iterator[Refusal]:
    """With `drift: report`, the version that git takes out of a protected stage may be the only one
    in it: the version that git puts there was moved away by hand and is not moved back."""
    if desired.policy.drift != "report":
        return

    moved = {c.version: c.after for c in changes if c.action == "transition" and c.cause != "drift"}
    for stage, rule in desired.policy.stages.items():
        expected, holders = desired.holders(stage), model.holders(stage)
        if not (rule.native and rule.protected and expected and holders):
            continue
        if stage in moved.values() or not all(version in moved for version in holders):
            continue
        present = [version for version in expected if version in model.versions]
        positions_text = ", ".join(f"{v} is in {model.versions[v].stage}" for v in present)
        yield Refusal(
            "protected",
            f"{stage} is protected and would be left empty: {positions_text} in MLflow, and drift"
            " is only reported",
            f"move {and_list(expected)} back to {stage} in MLflow, or let the policy heal (drift:"
            " heal)",
            field=stage,
        )
