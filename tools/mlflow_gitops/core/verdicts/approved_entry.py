"""Whether an entry is, as a whole, what was approved: its stage, its pin and its aliases (RULES
R3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace

from mlflow_gitops.core.gates.change_approvals import Reviewed
from mlflow_gitops.core.history.model_history import ModelHistory
from mlflow_gitops.core.history.stage_entries import Entry, pin_of
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.manifest import Manifest, VersionSpec


def reviewed_manifest(manifest: Manifest | None) -> Reviewed:
    """What of a manifest an approval is about; nothing if there is no valid manifest."""
    if manifest is None:
        return Reviewed()
    pins = {version: _identity(spec) for version, spec in manifest.versions.items()}
    return Reviewed(manifest.stages, manifest.aliases, pins)


def reviewed_difference(entry: Entry, history: ModelHistory, reviewed: Reviewed) -> str | None:
    """What the merged commit says of an entry that the approved head does not; None if it is the
    same."""
    target = history.target
    made = _state_at(entry, history)
    if target is None or made is None:
        return None
    return (
        _other_place(entry, made, reviewed)
        or _other_pin(entry, target, reviewed)
        or _other_aliases(entry, made, reviewed)
    )


def _state_at(entry: Entry, history: ModelHistory) -> Desired | None:
    """The model's state at the entry's making commit."""
    for point in history.points:
        if point.commit is not None and point.commit == entry.making_commit:
            return point.desired
    return history.target


def _other_place(entry: Entry, made: Desired, reviewed: Reviewed) -> str | None:
    version, stage = entry.version, entry.stage
    if entry.kind == "stage":
        if version not in reviewed.stages.get(stage, ()):
            return f"puts {version} in {stage}"
    elif entry.kind == "exit":
        served = max(made.holders(stage), default=None)
        if served != max(reviewed.stages.get(stage, ()), default=None):
            return f"takes {version} out of {stage}"
    elif entry.alias is not None and entry.alias in made.manifest.aliases:
        if reviewed.aliases.get(entry.alias) != version:
            return f"gives {version} the alias {entry.alias}"
    else:
        own_stage = made.policy.stage_aliases.get(entry.alias or "", stage)
        if version not in reviewed.stages.get(own_stage, ()):
            return f"puts {version} in {own_stage}"
    return None


def _other_pin(entry: Entry, target: Desired, reviewed: Reviewed) -> str | None:
    """The pin is compared as it will be reconciled: it says what the version is."""
    if entry.kind == "exit":
        return None
    pin = pin_of(target, entry.version)
    approved = reviewed.pins.get(entry.version, VersionSpec())
    differing = [
        field.name
        for field in fields(VersionSpec)
        if getattr(pin, field.name) != getattr(approved, field.name)
    ]
    if not differing:
        return None
    return f"pins another {', '.join(differing)} of {entry.version}"


def _other_aliases(entry: Entry, made: Desired, reviewed: Reviewed) -> str | None:
    if entry.kind == "exit":
        return None
    version = entry.version
    given = _aliases_of(made.manifest.aliases, version)
    approved = _aliases_of(reviewed.aliases, version)
    if given == approved:
        return None
    names = ", ".join(sorted(given ^ approved))
    return f"changes which aliases {version} has ({names})"


def _aliases_of(aliases: Mapping[str, int], version: int) -> set[str]:
    return {alias for alias, number in aliases.items() if number == version}


def _identity(spec: VersionSpec) -> VersionSpec:
    return replace(spec, description=None, tags={})
