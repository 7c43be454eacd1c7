"""The fields that pin a version, and their changes in the text of a manifest."""

from __future__ import annotations

from collections.abc import Mapping

import yaml

from mlflow_gitops.core.authoring.set_value import find_section
from mlflow_gitops.core.manifests.names import Kind
from mlflow_gitops.core.manifests.origin_pin import OriginPin
from mlflow_gitops.core.observed.model import ObservedVersion
from mlflow_gitops.core.secrets import credentials_in, shown_source
from mlflow_gitops.core.yaml import text_edits
from mlflow_gitops.core.yaml.text_edits import (
    UnsupportedLayout,
    compose,
    find_entry,
    insert,
    insert_position,
    key_indentation,
    quoted,
    remove,
    replace_value,
)

IDENTITY = ("run_id", "source", "model_id", "digest")
"""The fields that identify a version in MLflow, in the order in which a manifest has them."""


def identity_fields(kind: Kind) -> tuple[str, ...]:
    """The fields that MLflow's listing shows of a version. The digest of a prompt's text is one of
    them, that of a model's files is not."""
    return IDENTITY if kind == "prompt" else tuple(f for f in IDENTITY if f != "digest")


_PIN_FIELDS = (*IDENTITY, "origin", "metrics")

Pin = str | OriginPin | Mapping[str, float] | None
"""The value of a field that pins a version; None removes the field."""


def identity(version: ObservedVersion) -> dict[str, str]:
    """The fields and values that distinguish a version from any other that may get its number. A
    source with credentials is left out, since git would keep them for ever."""
    fields = {field: getattr(version, field) for field in IDENTITY}
    if version.source and credentials_in(version.source):
        del fields["source"]
    if version.source == f"models:/{version.model_id}":
        del fields["model_id"]  # the source contains it
    return {field: value for field, value in fields.items() if value}


def left_out(version: ObservedVersion) -> str | None:
    """Why the source of a version is left out of its pins; None if it is not."""
    found = credentials_in(version.source) if version.source else None
    if found is None:
        return None
    return (
        f"version {version.number} is not pinned to its source:"
        f" {shown_source(version.source or '')}"
        f" has {found} in MLflow, which git would keep for ever"
    )


def set_pins(text: str, version: int, fields: Mapping[str, Pin]) -> str:
    """Set the pins of one version, or remove those that are None.

    Raises UnsupportedLayout if the entries of the versions are no mappings.
    """
    root = compose(text)
    values = {field: fields[field] for field in _PIN_FIELDS if fields.get(field) is not None}
    if find_entry(root, "versions") is None:
        return _add_section(text, root, version, values) if values else text

    _, versions = find_section(text, "versions")
    if find_entry(versions, str(version)) is None:
        return _add_version(text, version, values) if values else text

    for field in _PIN_FIELDS:
        if field in fields:
            text = _set_field(text, version, field, fields[field])
    return text


def _add_section(text: str, root: yaml.MappingNode, version: int, values: Mapping[str, Pin]) -> str:
    """Add `versions` with its first entry, after stages and aliases."""
    entries = (find_entry(root, name) for name in ("stages", "aliases"))
    position = 1 + max(entry[0] for entry in entries if entry is not None)
    style_node = root.value[0][0]
    name = quoted("versions", style_node)
    entry = f"{_number(version, style_node)}: {_flow_mapping(values, style_node)}"

    indentation = key_indentation(text, root)
    if indentation is None:
        return insert(text, root, position, f"{name}: {{{entry}}}")
    indentation += text_edits.indent_step(text, root)
    return insert(text, root, position, f"{name}:{text_edits.line_break(text)}{indentation}{entry}")


def _add_version(text: str, version: int, values: Mapping[str, Pin]) -> str:
    """Add an entry to `versions`, in the style of the entries before it."""
    section_key, versions = find_section(text, "versions")
    style_node = versions.value[0][0] if versions.value else section_key
    number = _number(version, style_node)
    indentation = _field_indentation(text, versions)
    if indentation is None:
        entry = f"{number}: {_flow_mapping(values, style_node)}"
    else:
        fields = [
            f"{indentation}{quoted(field, style_node)}: {_scalar(value, None)}"
            for field, value in values.items()
        ]
        entry = text_edits.line_break(text).join([f"{number}:", *fields])

    position = insert_position([int(key.value) for key, _ in versions.value], version)
    return insert(text, versions, position, entry, section_key.end_mark.index)


def _field_indentation(text: str, versions: yaml.MappingNode) -> str | None:
    """The indentation of the fields of the first version in block style; None if there is none."""
    if key_indentation(text, versions) is None:
        return None
    indentations = (key_indentation(text, spec) for _, spec in versions.value)
    return next((indentation for indentation in indentations if indentation is not None), None)


def _set_field(text: str, version: int, field: str, value: Pin) -> str:
    """Set or remove one field of a version that the manifest has an entry for."""
    _, versions = find_section(text, "versions")
    version_entry = find_entry(versions, str(version))
    if version_entry is None:
        raise UnsupportedLayout
    _, version_key, spec = version_entry
    if not isinstance(spec, yaml.MappingNode):
        raise UnsupportedLayout

    field_entry = find_entry(spec, field)
    if field_entry is None:
        return text if value is None else _add_field(text, version_key, spec, field, value)

    index, key, old = field_entry
    if value is None:
        return remove(text, spec, index)
    return text if old.value == value else replace_value(text, key, old, _scalar(value, old))


def _add_field(
    text: str, version_key: yaml.Node, spec: yaml.MappingNode, field: str, value: Pin
) -> str:
    """Add a field to a version's entry, behind the pins that come before it in a manifest."""
    own_rank = _PIN_FIELDS.index(field)
    position = 0
    for index, (key, _) in enumerate(spec.value):
        if key.value in _PIN_FIELDS and _PIN_FIELDS.index(key.value) < own_rank:
            position = index + 1

    style_node = spec.value[0][0] if spec.value else None
    scalar = _scalar(value, text_edits.double_quoted(style_node))
    entry = f"{quoted(field, style_node)}: {scalar}"
    return insert(text, spec, position, entry, version_key.end_mark.index)


def _number(version: int, style_node: yaml.Node) -> str:
    """A version number as a key, quoted as other keys are."""
    style = style_node.style if isinstance(style_node, yaml.ScalarNode) else None
    return f"{style}{version}{style}" if style in ("'", '"') else str(version)


def _flow_mapping(values: Mapping[str, Pin], style_node: yaml.Node | None) -> str:
    style_node = text_edits.double_quoted(style_node)
    fields = (
        f"{quoted(field, style_node)}: {_scalar(value, style_node)}"
        for field, value in values.items()
    )
    return "{" + ", ".join(fields) + "}"


def _scalar(value: Pin, style_node: yaml.Node | None) -> str:
    """A pin's value as YAML: a text quoted as `style_node` is, or the mapping of an origin or of
    metrics."""
    if isinstance(value, Mapping):
        numbers = (f"{quoted(key, None)}: {_number_text(n)}" for key, n in value.items())
        return "{" + ", ".join(numbers) + "}"
    if not isinstance(value, OriginPin):
        return quoted(value or "", style_node)
    identity_fields = {
        "run_id": value.run_id,
        "model_id": value.model_id,
        "digest": value.digest,
    }
    fields = [f"environment: {quoted(value.environment, None)}", f"version: {value.version}"]
    for name, text in identity_fields.items():
        if text is not None:
            fields.append(f"{name}: {quoted(text, None)}")
    return "{" + ", ".join(fields) + "}"


def _number_text(value: float) -> str:
    """A number with all its digits. YAML 1.1 takes `1e-05` without a point for a text."""
    text = repr(float(value))
    mantissa, exponent, power = text.partition("e")
    return f"{mantissa}.0e{power}" if exponent and "." not in mantissa else text
