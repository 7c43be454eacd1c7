"""`pin`: writes into the manifest which version in MLflow a number means."""

from __future__ import annotations

from mlflow_gitops.commands.file_pins import read_files
from mlflow_gitops.commands.finish_edit import EditMessage, EditOptions, finish
from mlflow_gitops.commands.manifest_file import (
    OpenManifest,
    measured_pins,
    missing_version,
    note_left_out,
    observe,
    observe_or_warn,
    open_manifest,
)
from mlflow_gitops.commands.output import warn
from mlflow_gitops.core.authoring.edit_manifest import Edit
from mlflow_gitops.core.authoring.edit_pins import Pin, identity, identity_fields
from mlflow_gitops.core.manifests.manifest import VersionSpec
from mlflow_gitops.core.manifests.names import Kind
from mlflow_gitops.core.observed.model import ObservedModel, ObservedVersion
from mlflow_gitops.core.secrets import credentials_in, shown_source
from mlflow_gitops.errors import Refused
from mlflow_gitops.settings import Settings

_Fields = dict[str, Pin]
"""Pins and their new values; None removes a pin."""


def run(
    settings: Settings,
    model: str,
    version: int,
    source: str | None,
    options: EditOptions,
    *,
    digest: bool = True,
) -> int:
    """Pin a version to its run, source and logged model in MLflow, and with `digest` to its files.
    With `source`, pin a version that MLflow does not have to the source that reconcile registers it
    from."""
    if source is not None:
        _check_credentials(source)
    target = open_manifest(settings, model, options.form)
    observed = observe(target) if source is None else observe_or_warn(target)
    observed_version = observed.versions.get(version) if observed is not None else None
    spec = target.manifest.versions.get(version, VersionSpec())

    if observed_version is not None:
        _check_source(model, observed_version, source)
        fields = _fields_of(observed_version, spec, target.manifest.kind)
        values = measured_pins(target, observed_version)
        if values and values != spec.metrics:
            fields["metrics"] = values
        fields |= _digest_field(target, observed_version, spec, digest=digest)
        summary = "It is what MLflow has under this number."
        note_left_out(settings, observed_version)
    elif source is not None:
        if observed is not None:
            _check_number(target, observed, version)
        fields = _fields_for_source(source, spec)
        if observed is not None:
            unregistered = ObservedVersion(version, source=source, status="")
            fields |= _digest_field(target, unregistered, spec, digest=digest)
        summary = f"Reconcile registers it from {source}."
    else:
        assert observed is not None  # without a source, `observe` raises if MLflow is down
        raise missing_version(target, observed, version)

    for name, value in fields.items():
        old = getattr(spec, name)
        if old and old != value:
            shown = shown_source(old) if isinstance(old, str) else dict(old)
            warn(f"Version {version} was pinned to {name} {shown}.")
    message = EditMessage(f"Pin {target.name} {version}", summary)
    return finish(target, Edit(pins={version: fields}), message, options)


def _fields_of(observed: ObservedVersion, spec: VersionSpec, kind: Kind) -> _Fields:
    """The pins of a version in MLflow. A pin that does not apply any more is removed; one that is
    right is kept, even if another pin implies it (a logged model that is also the source)."""
    observed_pins = identity(observed)
    fields: _Fields = {}
    for name in identity_fields(kind):
        pinned, actual = getattr(spec, name), getattr(observed, name)
        if name in observed_pins:
            fields[name] = observed_pins[name]
        elif pinned not in (None, actual):
            fields[name] = None
    return fields


def _digest_field(
    target: OpenManifest, version: ObservedVersion, spec: VersionSpec, *, digest: bool
) -> _Fields:
    """The digest of a model's files, and its removal if it is to be left out or cannot be read."""
    if target.manifest.kind == "prompt" or spec.origin is not None:
        return {}
    files = read_files(target, version) if digest else None
    if files is not None:
        return {"digest": files.digest}
    return {"digest": None} if spec.digest else {}


def _fields_for_source(source: str, spec: VersionSpec) -> _Fields:
    fields: _Fields = {"source": source}
    if spec.model_id and source.startswith("models:/") and source != f"models:/{spec.model_id}":
        fields["model_id"] = None  # the source is another logged model
    return fields


def _check_credentials(source: str) -> None:
    found = credentials_in(source)
    if found is not None:
        raise Refused(
            f"The source {shown_source(source)} has {found}, which git would keep for ever.",
            fix="Name the address without it; MLflow takes credentials from its own variables.",
        )


def _check_source(model: str, observed: ObservedVersion, source: str | None) -> None:
    if source is not None and source != observed.source:
        raise Refused(
            f"MLflow already has version {observed.number} of {model}, from"
            f" {shown_source(observed.source or 'no source')}.",
            fix="Omit --source to pin that one, or use the next number.",
        )


def _check_number(target: OpenManifest, observed: ObservedModel, version: int) -> None:
    """MLflow never uses a number twice, so a version with a lower number can never be registered
    (RULES R2)."""
    highest = observed.highest_number
    if version <= highest:
        raise Refused(
            f"Version {version} of {target.name} cannot be registered: MLflow never uses a number"
            f" twice, and the next one is {highest + 1}."
        )
