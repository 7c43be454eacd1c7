"""The refusal of a model that is another one, another owner's, or has no usable base (RULES R1,
R4)."""

from __future__ import annotations

import shlex

from mlflow_gitops.core.history.base import BaseState
from mlflow_gitops.core.history.model_history import ModelHistory
from mlflow_gitops.core.manifests.manifest import Manifest
from mlflow_gitops.core.observed.model import OWNER_TAG, REPOSITORY_TAG, ObservedModel
from mlflow_gitops.core.verdicts.verdict import Refusal
from mlflow_gitops.core.wording import shell_words


def identity_refusal(
    manifest: Manifest,
    observed: ObservedModel | None,
    base_state: BaseState,
    owner: str,
    take_over: bool,
) -> Refusal | None:
    """The refusal of a name that is a model here and a prompt there, or of another owner's
    model. `owner` is this repository's; `take_over` lets it manage another owner's model."""
    name = manifest.name
    if observed is None:
        return None

    if observed.is_prompt and manifest.kind != "prompt":
        return Refusal(
            "name_taken",
            f"{name} is a prompt in MLflow's Prompt Registry, which shares its names with the"
            " models",
            "give the model another name; a manifest of the prompt itself says kind: prompt",
        )
    if not observed.is_prompt and manifest.kind == "prompt":
        return Refusal(
            "name_taken",
            f"{name} is a model in MLflow, which shares its names with the prompts, and its"
            " manifest says kind: prompt",
            "give the prompt another name; a manifest of the model itself has no such line",
        )
    if observed.owner not in (None, owner) and not take_over:
        # A commit of another repository's history cannot be compared with.
        flags = ("--take-over", "--adopt") if base_state == "unknown" else ("--take-over",)
        return Refusal(
            "owner",
            f"{name} is managed from elsewhere: {owner_sentence(observed, owner)}",
            f"remove it from the other repository, then {_reconcile(name, *flags)}",
            field=OWNER_TAG,
            expected=owner,
            actual=observed.owner,
        )
    return None


def owner_sentence(observed: ObservedModel, owner: str) -> str:
    """Which repository a model's stamps name. `owner` is this repository's."""
    repository = observed.tags.get(REPOSITORY_TAG)
    address = f" ({repository}, as its tag {REPOSITORY_TAG} says)" if repository else ""
    return f"its owner is {observed.owner}{address}, this repository is {owner}"


def base_refusal(
    manifest: Manifest, history: ModelHistory, gap_in_receipts: str, way_to_fetch: str
) -> Refusal | None:
    """The refusal of a base that the target cannot be compared with (RULES R1). `gap_in_receipts`
    says which receipts this clone lacks, `way_to_fetch` how to get what it lacks."""
    name, base = manifest.name, _short(history.base)
    if history.base_state in _ABSENT:
        return _absent_refusal(manifest, history)
    if history.base_state == "stale":
        return Refusal(
            "stale",
            f"MLflow was reconciled to {base}, which is not part of the history of what is planned"
            " here",
            "bring that commit in (pull, rebase); to go back, git revert on the main branch",
        )
    if history.base_state == "unfetched":
        commit = "what MLflow was reconciled to"
        if history.base:
            commit = f"MLflow was reconciled to {base}, which"
        return Refusal("base_unknown", f"{commit} is not in this clone", way_to_fetch)
    if history.base_state == "unknown":
        return Refusal(
            "base_unknown",
            f"MLflow was reconciled to {base}, which is not on the main line: its history was"
            " rewritten, or the commit was never merged",
            "merge that commit again; to begin from what MLflow shows,"
            f" {_reconcile(name, '--adopt')}",
        )
    if history.base_state == "unread":
        return Refusal(
            "receipts_unreadable",
            f"MLflow has no {name}, or no stamps on it, and the receipts, which say whether it was"
            " reconciled before, cannot be read in this clone",
            f"see what is wrong with them: mlflow-gitops log {shell_words(name)}; or"
            f" {_reconcile(name, '--adopt')}",
        )
    if history.base_state == "unreceipted":
        return Refusal(
            "base_unknown",
            f"{name} has no stamps in MLflow, and whether it was reconciled before is not known:"
            f" {gap_in_receipts}",
            way_to_fetch,
        )
    if history.base_state == "lost":
        return Refusal(
            "base_unknown",
            f"a receipt says that {name} was reconciled to {base}; in MLflow, its stamps are gone",
            "see in MLflow who recreated it or removed its tags gitops.*; to begin from what it"
            f" shows, {_reconcile(name, '--adopt')}",
        )
    return None


_ABSENT = ("deleted", "hidden", "renamed")
"""The states of the bases of models that MLflow does not show."""


def _absent_refusal(manifest: Manifest, history: ModelHistory) -> Refusal:
    """The refusal of a model that MLflow does not show."""
    if history.base_state == "deleted":
        return _deleted_refusal(manifest, history.base)
    if history.base_state == "renamed":
        return _renamed_refusal(manifest)
    name = manifest.name
    return Refusal(
        "hidden",
        f"MLflow shows none of the models that were reconciled, so whether it has {name} is not"
        " known",
        "check address, workspace and READ of these credentials; if this registry really begins"
        f" empty, {_reconcile(name, '--adopt')}",
    )


def _renamed_refusal(manifest: Manifest) -> Refusal:
    """The refusal of a model that has another name in git, and not yet in MLflow."""
    former = manifest.formerly[-1]
    command = shlex.join(["mlflow-gitops", "rename", former, manifest.name, "--apply"])
    return Refusal(
        "renamed",
        f"{manifest.name} was {former} before, and MLflow has it under a former name only",
        f"rename it in MLflow, too: {command}",
    )


def _deleted_refusal(manifest: Manifest, base: str | None) -> Refusal:
    """The refusal of a model that was reconciled and that MLflow no longer has."""
    name = manifest.name
    reconciled = f"a receipt says that {name} was reconciled to {_short(base)}"
    if base is None:
        reconciled = f"{name} was there when this run began"
    again = f"to begin anew, {_reconcile(name, '--adopt')}"
    if manifest.kind == "prompt":
        again = f"to begin anew, register it again and {_reconcile(name, '--adopt')}"
    return Refusal(
        "deleted",
        f"{reconciled}; MLflow no longer has it, or does not show it to these credentials",
        f"if that is intended, delete its manifest (if it was renamed: git mv); {again}",
    )


def _reconcile(name: str, *flags: str) -> str:
    return f"mlflow-gitops reconcile {shell_words(name, *flags)}"


def _short(sha: str | None) -> str:
    return sha[:12] if sha and sha.isalnum() else "an unreadable commit"
