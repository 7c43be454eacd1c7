"""Guards: what keeps a model from being touched at all, each with its way past (DESIGN §6.3, RULES
R2, R4)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from mlflow_gitops.core.history.model_history import ModelHistory
from mlflow_gitops.core.history.stage_entries import new_holders
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.policy import StageRule
from mlflow_gitops.core.observed.model import HELD_PREFIX, HIGHEST_TAG, OWNER_TAG, ObservedModel
from mlflow_gitops.core.plan.context import PlanContext
from mlflow_gitops.core.plan.pins import (
    moved_versions,
    origin_refusals,
    pin_refusals,
    versions_changed_in_git,
)
from mlflow_gitops.core.plan.plan import Change
from mlflow_gitops.core.verdicts.verdict import Refusal
from mlflow_gitops.core.wording import and_list


def refusals(
    desired: Desired,
    history: ModelHistory,
    observed: ObservedModel | None,
    changes: Sequence[Change],
    context: PlanContext,
) -> Iterator[Refusal]:
    """Every reason not to carry out this model's changes."""
    name = desired.manifest.name
    if observed is not None and observed.is_prompt != (desired.manifest.kind == "prompt"):
        yield _name_taken(name, observed)
        return
    if (
        observed is not None
        and observed.owner not in (None, context.owner)
        and not context.take_over
    ):
        yield Refusal(
            "owner",
            f"{name} is managed from elsewhere: its owner is {observed.owner}, this repository is"
            f" {context.owner}",
            f"remove it from the other repository, then reconcile {name} --take-over",
            field=OWNER_TAG,
            expected=context.owner,
            actual=observed.owner,
        )
        return
    if history.base_state == "stale":
        yield Refusal(
            "stale",
            f"MLflow was reconciled to {_short(history.base)}, which is not part of the history of"
            " what is planned here",
            "bring that commit in (pull, rebase); to go back, git revert on the main branch",
        )
        return
    if history.base_state == "unknown":
        told = (
            f"was reconciled to {_short(history.base)}, which"
            if history.base
            else "was reconciled to a commit that"
        )
        yield Refusal(
            "base_unknown",
            f"MLflow {told} cannot be found on the main line here",
            f"fetch more history (git fetch --unshallow), or reconcile {name} --adopt",
        )
        return
    seen = observed or ObservedModel(name)
    if history.base_state == "lost":
        yield from pin_refusals(desired, seen, (), context.evidence.record)
        yield Refusal(
            "base_unknown",
            f"a receipt says that {name} was reconciled to {_short(history.base)}; in MLflow, its"
            " stamps are gone",
            "see in MLflow who made it anew or took its tags gitops.* away; to begin from what it"
            f" shows, reconcile {name} --adopt",
        )
        return
    if observed is None and desired.manifest.kind == "prompt":
        yield Refusal(
            "missing_version",
            f"MLflow's Prompt Registry has no prompt {name}, or shows none to these credentials",
            "register its first version (mlflow.genai.register_prompt), or take the manifest away",
        )
        return
    yield from _aliases(desired)
    yield from _versions(desired, seen, new=observed is None)
    yield from pin_refusals(
        desired,
        seen,
        moved_versions(changes) | versions_changed_in_git(desired, history),
        context.evidence.record,
    )
    yield from origin_refusals(desired, seen, context.evidence)
    yield from _protected(desired, history.before, seen)
    yield from _left_empty(desired, seen, changes)
    if context.writing and (reason := freeze_reason(desired, history, seen, changes, context.now)):
        yield Refusal(
            "frozen",
            reason,
            "wait for its end, or let the platform team lift it in the policy",
            "commit",
        )


def _name_taken(name: str, observed: ObservedModel) -> Refusal:
    if observed.is_prompt:
        return Refusal(
            "name_taken",
            f"{name} is a prompt in MLflow's Prompt Registry, which shares its names with the"
            " models",
            "give the model another name; a manifest of the prompt itself says kind: prompt",
        )
    return Refusal(
        "name_taken",
        f"{name} is a model in MLflow, which shares its names with the prompts, and its manifest"
        " says kind: prompt",
        "give the prompt another name; a manifest of the model itself has no such line",
    )


def freeze_reason(
    desired: Desired,
    history: ModelHistory,
    seen: ObservedModel,
    changes: Sequence[Change],
    now: str,
) -> str | None:
    """Why the policy's freeze holds these changes back; None if it does not. Rollbacks pass: each
    version that comes to hold a stage has held it before, as its stamp says (RULES R3)."""
    freeze = desired.policy.freeze
    if (
        freeze is None
        or not freeze.is_active(now)
        or not any(change.cause == "commit" for change in changes)
    ):
        return None
    entries = new_holders(desired, history.before)
    back = [
        (s, v)
        for s, v in entries
        if v in seen.versions and f"{HELD_PREFIX}{s}" in seen.versions[v].tags
    ]
    if entries and back == entries:
        return None
    return f"changes are frozen until {freeze.until}: {freeze.reason}"


def _aliases(desired: Desired) -> Iterator[Refusal]:
    """What `validate` cannot see, since only the registry tells that it keeps no stages."""
    for stage, rule in desired.policy.stages.items():
        if rule.alias and len(desired.holders(stage)) > 1:
            yield Refusal(
                "stage",
                f"this registry keeps no stages; {stage} is the alias {rule.alias!r} there and"
                " holds one version at most",
                "name one version",
                field=stage,
            )
        if rule.alias in desired.manifest.aliases:
            yield Refusal(
                "stage",
                f"this registry keeps no stages; the alias {rule.alias!r} is the stage {stage}"
                " there",
                f"take the alias out, or give {stage} another one in the policy",
                field=stage,
            )


def _versions(desired: Desired, seen: ObservedModel, *, new: bool) -> Iterator[Refusal]:
    """Versions that MLflow lacks: refused unless the manifest says where to register them from, and
    the number can come."""
    manifest = desired.manifest
    named = {v for versions in manifest.stages.values() for v in versions} | set(
        manifest.aliases.values()
    )
    noted = _number(seen.tags.get(HIGHEST_TAG))
    visible = max(seen.versions, default=0)
    highest = max(visible, noted)
    # Versions deleted since may have used numbers up, unless the model is new or the highest number
    # was noted.
    certain = new or noted > visible
    for version in sorted(named | manifest.versions.keys()):
        spec = manifest.versions.get(version)
        if version in seen.versions:
            continue
        if spec is None or not spec.can_be_registered:
            if version in named:
                yield Refusal(
                    "missing_version",
                    f"MLflow has no version {version} of {manifest.name}"
                    + (f"; it has {_listed(seen)}" if seen.versions else "")
                    + ("; it shows no such model to these credentials" if new else ""),
                    (
                        "register it first (mlflow.genai.register_prompt)"
                        if manifest.kind == "prompt"
                        else (
                            f"register it by training, or say versions.{version}.source so that"
                            " reconcile registers it"
                        )
                    ),
                    version=version,
                )
        elif version <= highest or (certain and version > highest + 1):
            yield Refusal(
                "missing_version",
                f"version {version} of {manifest.name} cannot be registered: MLflow never gives a"
                f" number twice or out of turn, and the next one is {highest + 1}",
                f"pin it as version {highest + 1}, or take version {version} out of the manifest",
                version=version,
                expected=str(highest + 1),
            )
        else:
            highest = version


def _protected(desired: Desired, before: Desired | None, seen: ObservedModel) -> Iterator[Refusal]:
    """An occupied protected stage is left empty only by an explicit null. `before` is what the base
    wanted: by its policy, the stage may have had another alias."""
    for stage, rule in desired.policy.stages.items():
        if not rule.protected or stage in desired.manifest.stages:
            continue
        then = before.policy.stages.get(stage) if before else None
        if held := _holding(seen, rule) | (_holding(seen, then) if then else set()):
            versions = ", ".join(map(str, sorted(held)))
            yield Refusal(
                "protected",
                f"{stage} is protected and held by {versions}; the manifest does not name it, which"
                " would leave it empty",
                f"say which version holds it, or write {stage}: null to empty it on purpose",
                field=stage,
            )


def _holding(seen: ObservedModel, rule: StageRule) -> set[int]:
    held = set(seen.holders(rule.name)) if rule.native else set()
    if rule.alias is not None and rule.alias in seen.aliases:
        held.add(seen.aliases[rule.alias])
    return held


def _left_empty(
    desired: Desired, seen: ObservedModel, changes: Sequence[Change]
) -> Iterator[Refusal]:
    """Where drift is only reported, what git takes out of a protected stage may be all that still
    is there."""
    if desired.policy.drift != "report":
        return
    moved = {c.version: c.after for c in changes if c.action == "transition" and c.cause != "drift"}
    for stage, rule in desired.policy.stages.items():
        wanted, held = desired.holders(stage), seen.holders(stage)
        entering = stage in moved.values()
        if (
            rule.native
            and rule.protected
            and wanted
            and held
            and not entering
            and all(v in moved for v in held)
        ):
            where = ", ".join(
                f"{v} is in {seen.versions[v].stage}" for v in wanted if v in seen.versions
            )
            yield Refusal(
                "protected",
                f"{stage} is protected and would be left empty: {where} in MLflow, and drift is"
                " only reported",
                f"move {and_list(wanted)} back to {stage} in MLflow, or let the"
                " policy heal (drift: heal)",
                field=stage,
            )


def _listed(seen: ObservedModel) -> str:
    numbers = sorted(seen.versions)
    shown = ", ".join(map(str, numbers[-5:]))
    return shown if len(numbers) <= 5 else f"{len(numbers)} versions, the newest {shown}"


def _number(text: str | None) -> int:
    return int(text) if text and re.fullmatch("[0-9]{1,10}", text) else 0


def _short(sha: str | None) -> str:
    return sha[:12] if sha and sha.isalnum() else "an unreadable commit"
