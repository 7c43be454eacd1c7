"""What git asks for and MLflow holds already when a run begins: an interrupted run did it, or
somebody ahead of the commit.

A run that dies leaves no receipt. The next one knows what git changed since the base and sees what
of it is done; its receipt names that too, so that the receipts together tell of every change,
whichever run made it (RULES R6).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mlflow_gitops.core.history.model_history import ModelHistory
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.names import ACTIVE_STAGES
from mlflow_gitops.core.observed.model import PIN_TAG, ObservedModel, ObservedVersion


def unapplied(history: ModelHistory, seen: ObservedModel) -> ObservedModel | None:
    """The model as MLflow would hold it, had nobody carried out what git changed since the base.
    None: it would not be there.

    Without a base, nothing that git declares would be there. A version that its tag `gitops.pin`
    shows to be reconcile's own would not be registered, and a model that has no other version would
    not have been made.
    """
    before, target = history.before, history.target
    if target is None:
        return seen
    kept = {
        n: v
        for n, v in seen.versions.items()
        if not _is_ours(seen.name, v, target) or _declares(before, n)
    }
    others = [
        tag
        for tag in seen.tags
        if not tag.startswith("gitops.") and tag not in target.manifest.tags
    ]
    if history.base_state == "none" and not kept and not others:
        return None
    description, tags, aliases = seen.description, dict(seen.tags), dict(seen.aliases)
    of_versions = {n: dict(v.tags) for n, v in kept.items()}
    versions = {
        n: replace(v, stage=_stage(v, before, target), tags=of_versions[n]) for n, v in kept.items()
    }
    for field in history.declared | target.fields.keys():
        was, wanted = (state.fields.get(field) if state else None for state in (before, target))
        if (
            was == wanted
            or field.kind == "stage"
            or (field.version is not None and field.version not in versions)
        ):
            continue
        if field.kind == "alias":
            _put_back(aliases, field.key, was, wanted)
        elif field.kind == "tag":
            _put_back(
                tags if field.version is None else of_versions[field.version],
                field.key,
                was,
                wanted,
            )
        elif field.version is None:
            description = str(was or "") if description == (wanted or "") else description
        elif versions[field.version].description == (wanted or ""):
            versions[field.version] = replace(versions[field.version], description=str(was or ""))
    aliases = {alias: version for alias, version in aliases.items() if version in versions}
    return replace(seen, description=description, tags=tags, aliases=aliases, versions=versions)


def _put_back(
    held: dict[str, Any], key: str | None, was: str | int | None, wanted: str | int | None
) -> None:
    """Undo one change in a mapping, where it is done."""
    if key is None or held.get(key) != wanted:
        return
    if was is None:
        held.pop(key, None)
    else:
        held[key] = was


def _stage(version: ObservedVersion, before: Desired | None, target: Desired) -> str:
    was, wanted = (
        state.native_stages.get(version.number) if state else None for state in (before, target)
    )
    if wanted is not None and was != wanted and version.stage == wanted:
        return was or "None"
    if wanted is None and was in ACTIVE_STAGES and version.stage not in ACTIVE_STAGES:
        return was or "None"
    return version.stage


def _is_ours(name: str, version: ObservedVersion, target: Desired) -> bool:
    spec = target.manifest.versions.get(version.number)
    pinned = version.tags.get(PIN_TAG) == f"{name}/{version.number}"
    return pinned and spec is not None and spec.can_be_registered


def _declares(before: Desired | None, version: int) -> bool:
    return before is not None and version in before.manifest.versions
