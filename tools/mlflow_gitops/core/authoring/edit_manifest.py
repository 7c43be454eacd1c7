"""Edits of a manifest: which version holds a stage, what a version is pinned to, single values.
Nothing else of its text changes.

The text is changed at the very places where the values stand, not written anew from what was read:
a YAML library that keeps comments on its way through (ruamel.yaml) still rewrites indentation, the
spacing of flow style and line ends, and a promotion's diff would no longer be the line that it
changes. Afterwards the result is read as any manifest is, and must mean exactly what was asked for.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import yaml

from mlflow_gitops.core.authoring.set_value import Path, rank, set_value, with_value
from mlflow_gitops.core.manifests.manifest import Manifest, VersionSpec, read_manifest
from mlflow_gitops.core.manifests.origin_pin import OriginPin
from mlflow_gitops.core.observed.model import ObservedVersion
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
from mlflow_gitops.errors import Failure

IDENTITY = ("run_id", "source", "model_id", "digest")
"""The fields that say which version of a model a number means, in the order they are written."""


_PINS = (*IDENTITY, "origin")
Pin = str | OriginPin | None
"""The value of a field that pins a version."""


def identity(version: ObservedVersion) -> dict[str, str]:
    """What tells a version from any other that may come to have its number."""
    known = {word: getattr(version, word) for word in IDENTITY}
    if version.source == f"models:/{version.model_id}":
        del known["model_id"]  # the source says it
    return {word: value for word, value in known.items() if value}


@dataclass(frozen=True, slots=True)
class Edit:
    """What shall be different. `stages` gives the versions that a stage holds then, ascending;
    `pins` gives, for a version, fields of its identity and their values, None for one that goes.
    `values` gives aliases, descriptions and tags by where they stand, None for one that goes.

    A stage that is left with no version loses its line; where that would take a comment along, or
    leave no stage at all, it is left empty instead.
    """

    stages: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    pins: Mapping[int, Mapping[str, Pin]] = field(default_factory=dict)
    values: Mapping[Path, str | int | None] = field(default_factory=dict)


def apply_edit(data: bytes, file: str, edit: Edit, order: Sequence[str] = ()) -> bytes:
    """The manifest's new content. A stage that it does not name yet is put in by `order`, the
    policy's order of stages.

    `data` must be a valid manifest. Raises Failure where its layout is one that cannot be edited
    safely.
    """
    before, _ = read_manifest(data, file)
    if before is None:
        raise ValueError(f"{file} has errors")
    mark = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
    text = data[len(mark) :].decode("utf-8")
    try:
        # A stage is filled before another is left, so that the mapping is never empty in between.
        for stage, versions in sorted(edit.stages.items(), key=lambda one: not one[1]):
            if before.stages.get(stage, ()) != versions:
                text = _stage(text, stage, versions, order)
        for version, fields in sorted(edit.pins.items()):
            text = _pin(text, version, fields)
        for path, value in edit.values.items():
            text = set_value(text, path, value)
    except (UnsupportedLayout, yaml.YAMLError, LookupError):
        raise _by_hand(file, edit) from None
    made = mark + text.encode("utf-8")
    after, _ = read_manifest(made, file)
    if after is None or not _as_asked(before, after, edit):
        raise _by_hand(file, edit)
    return made


def _as_asked(before: Manifest, after: Manifest, edit: Edit) -> bool:
    """Whether the manifest means what was asked for and all else is as it was."""

    def told(stages: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
        return {stage: held for stage, held in stages.items() if held or stage not in edit.stages}

    versions = dict(before.versions)
    for number, fields in edit.pins.items():
        if number in versions or any(fields.values()):
            versions[number] = replace(versions.get(number, VersionSpec()), **fields)  # type: ignore[arg-type]
    wanted = replace(before, stages=told({**before.stages, **edit.stages}), versions=versions)
    for path, value in edit.values.items():
        wanted = with_value(wanted, path, value)
    return replace(after, stages=told(after.stages)) == wanted


def _by_hand(file: str, edit: Edit) -> Failure:
    wanted = [f"{stage}: {_value(held) if held else 'null'}" for stage, held in edit.stages.items()]
    for number, fields in edit.pins.items():
        wanted += [
            f"versions.{number}.{name}: {value or '(taken out)'}" for name, value in fields.items()
        ]
    wanted += [f"{'.'.join(path)}: {value or '(taken out)'}" for path, value in edit.values.items()]
    return Failure(
        f"{file} is laid out in a way that cannot be edited safely; nothing was changed. Edit it by"
        f" hand: {'; '.join(wanted)}."
    )


# -- stages -------------------------------------------------------------------------------------------------------------


def _stage(text: str, stage: str, versions: Sequence[int], order: Sequence[str]) -> str:
    above, stages = _section(text, "stages")
    found = find_entry(stages, stage)
    if found is None:
        if not versions:
            return text
        ranks = [rank(key.value, order) for key, _ in stages.value]
        like = stages.value[0][0] if stages.value else above
        entry = f"{quoted(stage, like)}: {_value(versions)}"
        return insert(
            text, stages, insert_position(ranks, rank(stage, order)), entry, above.end_mark.index
        )
    i, key, value = found
    if not versions:
        return _left(text, stage, stages, i)
    if isinstance(value, yaml.SequenceNode):
        return _list(text, stage, value, versions)
    return (
        text
        if value.value == str(versions[0]) and len(versions) == 1
        else replace_value(text, key, value, _value(versions))
    )


def _left(text: str, stage: str, stages: yaml.MappingNode, i: int) -> str:
    key, value = stages.value[i]
    if len(stages.value) > 1 and not text_edits.has_comment(text, stages, i):
        return remove(text, stages, i)
    if isinstance(value, yaml.SequenceNode):
        return _list(text, stage, value, ())
    return replace_value(text, key, value, "null") if value.value.isdigit() else text


def _list(text: str, stage: str, node: yaml.SequenceNode, versions: Sequence[int]) -> str:
    """Change a list item by item: what comes takes the place of what goes, what is left of either
    is added or taken out."""
    held = [int(item.value) for item in node.value]
    gone = [i for i, version in enumerate(held) if version not in versions]
    new = [version for version in versions if version not in held]
    if gone and new:
        item = node.value[gone[0]]
        text = text[: item.start_mark.index] + str(new[0]) + text[item.end_mark.index :]
    elif gone:
        text = remove(text, node, gone[0])
    elif new:
        text = insert(text, node, len(held), str(new[0]))
    else:
        return text
    found = find_entry(_section(text, "stages")[1], stage)
    if found is None or not isinstance(
        found[2], yaml.SequenceNode
    ):  # a block that lost its last item is empty
        return text
    return _list(text, stage, found[2], versions)


def _value(versions: Sequence[int]) -> str:
    return str(versions[0]) if len(versions) == 1 else f"[{', '.join(map(str, versions))}]"


# -- pins ---------------------------------------------------------------------------------------------------------------


def _pin(text: str, version: int, fields: Mapping[str, Pin]) -> str:
    root = compose(text)
    wanted = {name: fields[name] for name in _PINS if fields.get(name) is not None}
    if find_entry(root, "versions") is None:
        return _first_pin(text, root, version, wanted) if wanted else text
    above, versions = _section(text, "versions")
    found = find_entry(versions, str(version))
    if found is None:
        if not wanted:
            return text
        ranks = [int(key.value) for key, _ in versions.value]
        like = versions.value[0][0] if versions.value else above
        entry = _entry(text, versions, version, wanted, like)
        return insert(text, versions, insert_position(ranks, version), entry, above.end_mark.index)
    for name in _PINS:
        if name in fields:
            text = _field(text, version, name, fields[name])
    return text


def _first_pin(text: str, root: yaml.MappingNode, version: int, wanted: Mapping[str, Pin]) -> str:
    """Versions stand behind stages and aliases."""
    behind = max(found[0] for name in ("stages", "aliases") if (found := find_entry(root, name)))
    like = root.value[0][0]
    named, number = quoted("versions", like), _number(version, like)
    entry = f"{number}: {_flow(wanted, like)}"
    outer = key_indentation(text, root)
    if outer is None:
        return insert(text, root, behind + 1, f"{named}: {{{entry}}}")
    return insert(
        text,
        root,
        behind + 1,
        f"{named}:{text_edits.line_break(text)}{outer}{text_edits.indent_step(text, root)}{entry}",
    )


def _entry(
    text: str, versions: yaml.MappingNode, version: int, wanted: Mapping[str, Pin], like: yaml.Node
) -> str:
    """A new version's entry, in the style of those that are there."""
    number = _number(version, like)
    outer = key_indentation(text, versions)
    inner = next(
        (head for _, node in versions.value if (head := key_indentation(text, node)) is not None),
        None,
    )
    if outer is None or inner is None:
        return f"{number}: {_flow(wanted, like)}"
    lines = [
        f"{inner}{quoted(name, like)}: {_written(value, None)}" for name, value in wanted.items()
    ]
    return text_edits.line_break(text).join([f"{number}:", *lines])


def _field(text: str, version: int, name: str, value: Pin) -> str:
    """Set one field of a version that the manifest describes already, or take it out."""
    _, versions = _section(text, "versions")
    found = find_entry(versions, str(version))
    if found is None or not isinstance(spec := found[2], yaml.MappingNode):
        raise UnsupportedLayout
    above = found[1]
    here = find_entry(spec, name)
    if here is None:
        if value is None:
            return text
        ranks = [
            _PINS.index(key.value) if key.value in _PINS else len(_PINS) for key, _ in spec.value
        ]
        mine = _PINS.index(name)
        at = max((i + 1 for i, rank in enumerate(ranks) if rank < mine), default=0)
        like = spec.value[0][0] if spec.value else None
        entry = f"{quoted(name, like)}: {_written(value, text_edits.double_quoted(like))}"
        return insert(text, spec, at, entry, above.end_mark.index)
    i, key, old = here
    if value is None:
        return remove(text, spec, i)
    return text if old.value == value else replace_value(text, key, old, _written(value, old))


def _section(text: str, name: str) -> tuple[yaml.Node, yaml.MappingNode]:
    found = find_entry(compose(text), name)
    if found is None or not isinstance(found[2], yaml.MappingNode):
        raise UnsupportedLayout
    return found[1], found[2]


def _number(version: int, like: yaml.Node) -> str:
    style = like.style if isinstance(like, yaml.ScalarNode) else None
    return f"{style}{version}{style}" if style in ("'", '"') else str(version)


def _flow(wanted: Mapping[str, Pin], like: yaml.Node | None) -> str:
    named = text_edits.double_quoted(like)
    return (
        "{"
        + ", ".join(
            f"{quoted(name, named)}: {_written(value, named)}" for name, value in wanted.items()
        )
        + "}"
    )


def _written(value: Pin, like: yaml.Node | None) -> str:
    """A pin's value as YAML: a text quoted as `like` is, or the mapping that an origin is."""
    if not isinstance(value, OriginPin):
        return quoted(value or "", like)
    said = {"run_id": value.run_id, "model_id": value.model_id, "digest": value.digest}
    fields = [f"environment: {quoted(value.environment, None)}", f"version: {value.version}"]
    fields += [f"{name}: {quoted(one, None)}" for name, one in said.items() if one is not None]
    return "{" + ", ".join(fields) + "}"
