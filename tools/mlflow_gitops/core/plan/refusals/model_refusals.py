"""Reasons not to touch a model, each with its way out (DESIGN §6.3, RULES R2, R4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mlflow_gitops.core.history.model_history import ModelHistory
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.core.plan.context import PlanContext
from mlflow_gitops.core.plan.plan import Change
from mlflow_gitops.core.plan.refusals.aliases import (
    alias_refusals,
    forbidden_aliases,
    unsupported_aliases,
)
from mlflow_gitops.core.plan.refusals.compared_versions import entering_versions, files_to_compare
from mlflow_gitops.core.plan.refusals.freezes import freeze_refusals
from mlflow_gitops.core.plan.refusals.pins import origin_refusals, pin_refusals
from mlflow_gitops.core.plan.refusals.protected_stages import emptied_refusals, protected_refusals
from mlflow_gitops.core.plan.refusals.versions import version_refusals
from mlflow_gitops.core.verdicts.base_refusals import base_refusal, identity_refusal
from mlflow_gitops.core.verdicts.invalid_files import invalid_model_refusal, invalid_policy_refusals
from mlflow_gitops.core.verdicts.verdict import Refusal


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
    refusal = identity_refusal(
        desired.manifest, observed, history.base_state, context.owner, context.take_over
    )
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
    yield from unsupported_aliases(changes, context)
    yield from forbidden_aliases(desired, history)
    yield from version_refusals(desired, history.before, model, is_new=observed is None)
    compared = entering_versions(desired, history, changes)
    yield from pin_refusals(desired, model, compared, context.evidence.record)
    yield from origin_refusals(desired, model, context.evidence)
    if numbers := files_to_compare(desired, history, model, changes):
        from mlflow_gitops.core.verdicts.pinned_files import digest_refusals

        yield from digest_refusals(
            desired,
            model,
            numbers,
            context.evidence.record,
            context.read_files,
            context.find_list,
        )
    yield from protected_refusals(desired, history, model)
    yield from emptied_refusals(desired, model, changes)
    yield from invalid_policy_refusals(desired, history, model, context.errors, context.evidence)
    if context.writing:
        yield from freeze_refusals(desired, history, model, changes, context)
