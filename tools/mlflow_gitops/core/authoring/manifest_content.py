"""From MLflow to a manifest: what a manifest declares for a model as it is in MLflow.

Everything that a manifest declares is managed by it. So only what is asked for is taken: always
stages, aliases and pins; descriptions and tags only if the import asks for them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mlflow_gitops.core.authoring.edit_pins import identity, left_out
from mlflow_gitops.core.authoring.set_value import Path
from mlflow_gitops.core.manifests.names import (
    ACTIVE_STAGES,
    difference,
    folded,
    is_reserved_tag,
    tag_fault,
)
from mlflow_gitops.core.manifests.policy import ModelPolicy, StageRule
from mlflow_gitops.core.observed.model import ObservedModel, ObservedVersion
from mlflow_gitops.core.wording import and_list, or_list, version_list
from mlflow_gitops.core.yaml.characters import first_invisible, has_hidden

# The schema of manifests accepts no other pins, aliases and tag names, and no longer texts.
_PIN_VALUE = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_ALIAS = re.compile(r"[A-Za-z0-9_-]{1,255}\Z")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./ :-]{0,249}\Z")
_MAX_TEXT = 5000
_MAX_SOURCE = 500


@dataclass(frozen=True, slots=True)
class ImportScope:
    """What an import takes besides stages, aliases and the pins of versions that hold one."""

    all_versions: bool = False
    descriptions: bool = False
    tags: bool = False


@dataclass(slots=True)
class ManifestContent:
    """The content of a manifest for a model as it is in MLflow. `texts` has descriptions and tags
    by their paths; `notes` say what a manifest cannot express."""

    stages: dict[str, tuple[int, ...]] = field(default_factory=dict)
    aliases: dict[str, int] = field(default_factory=dict)
    pins: dict[int, dict[str, str]] = field(default_factory=dict)
    texts: dict[Path, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def content_of(
    observed: ObservedModel,
    rules: ModelPolicy,
    scope: ImportScope,
    extra_versions: Sequence[int] = (),
) -> ManifestContent:
    """What a manifest under these rules declares for a model. `extra_versions` are pinned, too, if
    MLflow has them."""
    content = ManifestContent()
    _add_stages(observed, rules, content)
    _add_aliases(observed, rules, content)

    holders = {version for versions in content.stages.values() for version in versions}
    versions = {*holders, *content.aliases.values(), *extra_versions} & observed.versions.keys()
    numbers = sorted(observed.versions if scope.all_versions else versions)
    for number in numbers:
        pins = _pins(observed.versions[number], content.notes)
        if pins:
            content.pins[number] = pins

    if scope.descriptions:
        _add_description((), observed.description, content)
        for number in numbers:
            path = ("versions", str(number))
            _add_description(path, observed.versions[number].description, content)
    if scope.tags:
        _add_tags((), observed.tags, content)
        for number in numbers:
            _add_tags(("versions", str(number)), observed.versions[number].tags, content)
    return content


def _add_stages(observed: ObservedModel, rules: ModelPolicy, content: ManifestContent) -> None:
    """Add the holders of each stage. MLflow's own stage decides; if it is empty or the registry has
    none, the stage's alias does.

    Versions in Archived need no line.
    """
    native_stages = {name for name, rule in rules.stages.items() if rule.native}
    stage_of = {
        version.number: version.stage
        for version in observed.versions.values()
        if version.stage in ACTIVE_STAGES and version.stage in native_stages
    }
    for stage, rule in rules.stages.items():
        if stage == "Archived":
            continue
        versions = _native_holders(observed, rule, content.notes)
        if not versions:
            versions = _alias_holder(observed, rule, stage_of, content.notes)
        if versions:
            content.stages[stage] = versions
            content.notes += _upload_notes(observed, stage, versions)


def _upload_notes(observed: ObservedModel, stage: str, versions: Sequence[int]) -> list[str]:
    """What MLflow says was not uploaded whole. No gate asks about what is only adopted."""
    status = {number: observed.versions[number].status for number in versions}
    return [
        f"version {number} in {stage} has the status {status[number]} in MLflow: its files may be"
        " missing"
        for number in versions
        if status[number] not in ("", "READY")
    ]


def _native_holders(observed: ObservedModel, rule: StageRule, notes: list[str]) -> tuple[int, ...]:
    """The versions in MLflow's stage; only the highest, which MLflow serves, if the stage is kept
    as an alias."""
    versions = observed.holders(rule.name) if rule.native else ()
    if not rule.alias or len(versions) <= 1:
        return versions
    notes.append(
        f"{rule.name} is kept as an alias and can hold only one version: {versions[-1]}, which"
        f" MLflow serves, not {version_list(versions[:-1])}"
    )
    return versions[-1:]


def _alias_holder(
    observed: ObservedModel, rule: StageRule, stage_of: dict[int, str], notes: list[str]
) -> tuple[int, ...]:
    """The version that the alias of a stage points at, unless that version is in another of
    MLflow's stages. `stage_of` collects MLflow's stage of each version."""
    version = observed.aliases.get(rule.alias) if rule.alias else None
    if version is None or version not in observed.versions:
        return ()
    if not rule.native:
        return (version,)

    other_stage = stage_of.setdefault(version, rule.name)
    if other_stage == rule.name:
        return (version,)
    notes.append(
        f"the alias {rule.alias!r} of {rule.name} points at version {version}, which is in"
        f" {other_stage}; it is not imported"
    )
    return ()


def _add_aliases(observed: ObservedModel, rules: ModelPolicy, content: ManifestContent) -> None:
    for alias, version in sorted(observed.aliases.items()):
        if alias in rules.stage_aliases:
            continue  # reconcile sets it with its stage
        fault = _alias_fault(alias, version, observed, rules, content)
        if fault is None:
            content.aliases[alias] = version
        else:
            content.notes.append(f"{fault}; it is not imported")


def _alias_fault(
    alias: str, version: int, observed: ObservedModel, rules: ModelPolicy, content: ManifestContent
) -> str | None:
    """Why a manifest cannot declare an alias; None if it can."""
    stages = {folded(name): stage for name, stage in rules.stage_aliases.items()}
    stage = stages.get(folded(alias))
    if stage is not None:
        return f"the alias {alias!r} differs only in case from the alias of {stage}"
    twin = next((name for name in content.aliases if folded(name) == folded(alias)), None)
    if twin is not None:
        return f"the alias {alias!r} differs only in case from {twin!r}"
    if not _ALIAS.match(alias):
        return f"a manifest cannot declare the alias {alias!r}"
    if version not in observed.versions:
        return f"the alias {alias!r} points at version {version}, which MLflow does not show"
    if rules.alias_only is None:
        return None
    if any(version in content.stages.get(stage, ()) for stage in rules.alias_only):
        return None
    fault = f"the alias {alias!r} points at version {version}, which"
    another_policy = "change aliases.only in the policy and import again"
    if not rules.alias_only:
        return f"{fault} the policy's aliases.only does not allow (to manage it, {another_policy})"
    return (
        f"{fault} does not hold {or_list(rules.alias_only)}, as the policy's aliases.only asks (to"
        f" manage it, promote {version} and add the alias to the manifest, or {another_policy})"
    )


def _pins(version: ObservedVersion, notes: list[str]) -> dict[str, str]:
    """The identity of a version, as far as a manifest can express it."""
    reason = left_out(version)
    if reason is not None:
        notes.append(reason)
    observed_pins = identity(version)
    pins = {
        field: value
        for field, value in observed_pins.items()
        if field in ("source", "digest") or _PIN_VALUE.match(value)
    }
    source = pins.get("source", "")
    if len(source) > _MAX_SOURCE or has_hidden(source) or first_invisible(source):
        pins.pop("source", None)

    missing = sorted(observed_pins.keys() - pins.keys())
    if missing:
        notes.append(
            f"version {version.number} is not pinned to its {and_list(missing)}: a manifest cannot"
            " contain it"
        )
    elif not observed_pins and reason is None:
        notes.append(
            f"version {version.number} cannot be pinned: MLflow has neither run nor source for it"
        )
    return pins


def _add_description(path: Path, description: str, content: ManifestContent) -> None:
    if description:
        _add_text((*path, "description"), description, content)


def _add_tags(path: Path, tags: Mapping[str, str], content: ManifestContent) -> None:
    names: dict[str, str] = {}
    for key, value in sorted(tags.items()):
        if is_reserved_tag(key):
            continue
        twin = names.setdefault(folded(key), key)
        if twin != key:
            content.notes.append(
                f"the tag {key!r} differs {difference(key, twin)} from {twin!r}; it is not imported"
            )
            continue
        if not _TAG.match(key) or tag_fault(key):
            content.notes.append(f"a manifest cannot declare the tag {key!r}; it is not imported")
        else:
            _add_text((*path, "tags", key), value, content)


def _add_text(path: Path, text: str, content: ManifestContent) -> None:
    if len(text) > _MAX_TEXT or has_hidden(text) or "\r" in text:
        content.notes.append(
            f"a manifest cannot contain the text of {'.'.join(path)}; it is not imported"
        )
    else:
        content.texts[path] = text
