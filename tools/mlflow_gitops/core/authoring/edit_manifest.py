"""Edits of a manifest: the versions of a stage, the pins of a version, single values. The rest of
its text stays as it is.

The text is changed at the position of each value and not written anew. A YAML library that keeps
comments (ruamel.yaml) still rewrites indentation, the spacing of flow style and line ends, so that
the diff of a promotion would be more than the line that it changes. Afterwards the result is read
like any manifest, and must mean exactly what the edit demands.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import yaml

from mlflow_gitops.core.authoring.edit_pins import Pin, set_pins
from mlflow_gitops.core.authoring.edit_stages import set_stage, stage_value
from mlflow_gitops.core.authoring.set_value import Path, set_value, with_value
from mlflow_gitops.core.manifests.manifest import Manifest, VersionSpec, read_manifest
from mlflow_gitops.core.yaml.text_edits import UnsupportedLayout
from mlflow_gitops.errors import Failure


@dataclass(frozen=True, slots=True)
class Edit:
    """The changes of a manifest. `stages` has the new versions of a stage, ascending. `pins` has,
    by version, fields of its identity and their values. `values` has aliases, descriptions and tags
    by their paths. None removes a pin or a value.

    A stage without versions loses its line. It is kept with no version if removing the line would
    lose a comment or leave no stage at all.
    """

    stages: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    pins: Mapping[int, Mapping[str, Pin]] = field(default_factory=dict)
    values: Mapping[Path, str | int | None] = field(default_factory=dict)


def apply_edit(data: bytes, file: str, edit: Edit, order: Sequence[str] = ()) -> bytes:
    """The new content of a manifest. A stage that it does not list yet is inserted by `order`, the
    policy's order of stages.

    `data` must be a valid manifest, otherwise ValueError is raised. Raises Failure if the layout of
    the text is one that cannot be edited safely.
    """
    before, _ = read_manifest(data, file)
    if before is None:
        raise ValueError(f"{file} has errors")

    byte_order_mark = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
    text = data[len(byte_order_mark) :].decode("utf-8")
    try:
        text = _edited_text(text, before, edit, order)
    except (UnsupportedLayout, yaml.YAMLError, LookupError):
        raise _unsafe_layout(file, edit) from None

    new_data = byte_order_mark + text.encode("utf-8")
    after, _ = read_manifest(new_data, file)
    if after is None or not _is_as_demanded(before, after, edit):
        raise _unsafe_layout(file, edit)
    return new_data


def _edited_text(text: str, before: Manifest, edit: Edit, order: Sequence[str]) -> str:
    # Stages that get a version come first, so that the mapping is never empty in between.
    for stage, versions in sorted(edit.stages.items(), key=lambda entry: not entry[1]):
        if before.stages.get(stage, ()) != versions:
            text = set_stage(text, stage, versions, order)
    for version, fields in sorted(edit.pins.items()):
        text = set_pins(text, version, fields)
    for path, value in edit.values.items():
        text = set_value(text, path, value)
    return text


def _is_as_demanded(before: Manifest, after: Manifest, edit: Edit) -> bool:
    """Whether the manifest has the changes of the edit, and no others."""
    versions = dict(before.versions)
    for number, fields in edit.pins.items():
        if number in versions or any(fields.values()):
            spec = versions.get(number, VersionSpec())
            versions[number] = replace(spec, **fields)  # type: ignore[arg-type]

    expected = replace(before, stages={**before.stages, **edit.stages}, versions=versions)
    for path, value in edit.values.items():
        expected = with_value(expected, path, value)
    return _without_emptied_stages(after, edit) == _without_emptied_stages(expected, edit)


def _without_emptied_stages(manifest: Manifest, edit: Edit) -> Manifest:
    """The manifest without the stages that the edit left empty: it may keep or remove them."""
    stages = {
        stage: versions
        for stage, versions in manifest.stages.items()
        if versions or stage not in edit.stages
    }
    return replace(manifest, stages=stages)


def _unsafe_layout(file: str, edit: Edit) -> Failure:
    removed = "(remove it)"
    changes = [
        f"{stage}: {stage_value(versions) if versions else 'null'}"
        for stage, versions in edit.stages.items()
    ]
    for number, fields in edit.pins.items():
        for name, value in fields.items():
            changes.append(f"versions.{number}.{name}: {value or removed}")
    for path, new in edit.values.items():
        changes.append(f"{'.'.join(path)}: {new or removed}")
    return Failure(
        f"The layout of {file} cannot be edited safely; nothing was changed.",
        fix=f"Edit it by hand: {'; '.join(changes)}.",
    )
