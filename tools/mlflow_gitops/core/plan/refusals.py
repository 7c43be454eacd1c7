"""Reasons not to touch a model, each with its way out (DESIGN §6.3, RULES R2, R4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mlflow_gitops.core.history.model_history import ModelHistory
from mlflow_gitops.core.history.stage_entries import new_holders
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.policy import StageRule
from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.core.plan.context import PlanContext
from mlflow_gitops.core.plan.pins import (
    entering_versions,
    files_to_compare,
    origin_refusals,
    pin_refusals,
)
from mlflow_gitops.core.plan.plan import Change
from mlflow_gitops.core.plan.version_refusals import (
    alias_refusals,
    forbidden_aliases,
    version_refusals,
)
from mlflow_gitops.core.verdicts.base_refusals import base_refusal, identity_refusal
from mlflow_gitops.core.verdicts.entry_tenures import EntryTenures
from mlflow_gitops.core.verdicts.invalid_files import invalid_model_refusal, invalid_policy_refusals
from mlflow_gitops.core.verdicts.pinned_files import digest_refusals
from mlflow_gitops.core.verdicts.verdict import Refusal
from mlflow_gitops.core.wording import and_list


def refusals(
    desired: Desired,
    history: ModelHistory,
    observed: ObservedModel | None,
    changes: Sequence[Change],
    context: PlanContext,
) -> Iterator[Refusal]:
    """Every reason not to carry out this model's changes. A model that is another one, another
    owner's, or has no usable base is not compared any further."""
    model = observed or ObservedModel(desired.manifest.name)
    if invalid := invalid_model_refusal(context.errors):
        yield invalid
    refusal = identity_refusal(desired.manifest, observed, context.owner, context.take_over)
    if refusal is None and model.fault is not None:
        refusal = Refusal(
            "unreadable",
            f"what MLflow shows of {model.name} cannot be read: {model.fault}",
            "repair it in MLflow; the model's page there shows what is odd",
        )
    if refusal is None:
        refusal = base_refusal(
            desired.manifest, history, context.gap_in_receipts, context.way_to_fetch
        )
        if refusal is not None and history.base_state == "lost":
            yield from pin_refusals(desired, model, (), context.evidence.record)
    if refusal is None and observed is None and desired.manifest.kind == "prompt":
        refusal = Refusal(
            "missing_version",
            f"MLflow's Prompt Registry has no prompt {desired.manifest.name}, or shows none to"
            " these credentials",
            "register its first version (mlflow.genai.register_prompt), or take the manifest away",
        )
    if refusal is not None:
        yield refusal
        return

    yield from alias_refusals(desired)
    yield from forbidden_aliases(desired, history)
    yield from version_refusals(desired, history.before, model, is_new=observed is None)
    compared = entering_versions(desired, history, changes)
    yield from pin_refusals(desired, model, compared, context.evidence.record)
    yield from origin_refusals(desired, model, context.evidence)
    yield from digest_refusals(
        desired,
        model,
        files_to_compare(desired, history, model, changes),
        context.evidence.record,
        context.read_files,
    )
    yield from _protected_refusals(desired, history, model)
    yield from _emptied_refusals(desired, model, changes)
    yield from invalid_policy_refusals(desired, history, model, context.errors, context.evidence)
    if context.writing:
        yield from _freeze_refusals(desired, history, model, changes, context)


# -- freezes --------------------------------------------------------------------------------------


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


def _freeze_refusals(
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


# -- protected stages -----------------------------------------------------------------------------


def _protected_refusals(
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


def _emptied_refusals(
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
        places = ", ".join(f"{v} is in {model.versions[v].stage}" for v in present)
        yield Refusal(
            "protected",
            f"{stage} is protected and would be left empty: {places} in MLflow, and drift is only"
            " reported",
            f"move {and_list(expected)} back to {stage} in MLflow, or let the policy heal (drift:"
            " heal)",
            field=stage,
        )
