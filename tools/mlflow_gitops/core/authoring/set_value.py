"""Sets or removes single values in the text of a manifest: aliases, descriptions, tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import yaml

from mlflow_gitops.core.manifests.manifest import Manifest, VersionSpec
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

FIELDS = (
    "name", "formerly", "kind", "description", "owners", "tags", "stages", "aliases", "versions",
)  # fmt: skip
"""The fields of a manifest in the order in which they are written."""

Path = tuple[str, ...]
"""The keys that lead to a value: `("aliases", "champion")` or `("versions", "12", "tags", "task")`.
"""


def set_value(text: str, path: Path, value: str | int | None) -> str:
    """Set the value at a path; None removes it. A mapping that becomes empty is removed, too.

    Raises UnsupportedLayout if a key on the way has no mapping.
    """
    node = compose(text)
    end_of_key = 0
    siblings = 0
    for depth, step in enumerate(path[:-1]):
        entry = find_entry(node, step)
        if entry is None:
            if value is None:
                return text
            return _add_value(text, node, path[depth:], value, end_of_key, is_top=depth == 0)
        _, key, child = entry
        if not isinstance(child, yaml.MappingNode):
            raise UnsupportedLayout
        node, end_of_key, siblings = child, key.end_mark.index, len(child.value)

    entry = find_entry(node, path[-1])
    if entry is None:
        if value is None:
            return text
        return _add_value(text, node, path[-1:], value, end_of_key, is_top=len(path) == 1)

    index, key, old = entry
    if value is None:
        return set_value(text, path[:-1], None) if siblings == 1 else remove(text, node, index)
    return text if old.value == str(value) else replace_value(text, key, old, _scalar(value, old))


def find_section(text: str, name: str) -> tuple[yaml.Node, yaml.MappingNode]:
    """The key and the mapping of one of the manifest's sections: stages, aliases, versions.

    Raises UnsupportedLayout if there is no such mapping.
    """
    entry = find_entry(compose(text), name)
    if entry is None or not isinstance(entry[2], yaml.MappingNode):
        raise UnsupportedLayout
    return entry[1], entry[2]


def rank(name: str, order: Sequence[str]) -> int:
    """The position of a name in an order. Names that are not in it come last."""
    return order.index(name) if name in order else len(order)


def with_value(manifest: Manifest, path: Path, value: str | int | None) -> Manifest:
    """The manifest that `set_value` should lead to."""
    if path[0] == "versions":
        number, field = int(path[1]), path[2]
        spec = manifest.versions.get(number, VersionSpec())
        field_value = _with_entry(spec.tags, path[3], value) if field == "tags" else value
        new_spec = replace(spec, **{field: field_value})  # type: ignore[arg-type]
        return replace(manifest, versions={**manifest.versions, number: new_spec})

    field = path[0]
    is_mapping = len(path) > 1
    field_value = _with_entry(getattr(manifest, field), path[1], value) if is_mapping else value
    return replace(manifest, **{field: field_value})  # type: ignore[arg-type]


def _with_entry(
    mapping: Mapping[str, object], key: str, value: str | int | None
) -> dict[str, object]:
    other_entries = {name: entry for name, entry in mapping.items() if name != key}
    return other_entries if value is None else {**other_entries, key: value}


def _add_value(
    text: str,
    node: yaml.MappingNode,
    path: Path,
    value: str | int,
    end_of_key: int,
    *,
    is_top: bool,
) -> str:
    """Add an entry to `node`, together with the mappings of the path that do not exist yet."""
    style_node = node.value[0][0] if node.value else None
    scalar = _scalar(value, text_edits.double_quoted(style_node))
    entry = _entry(text, node, [_key(step, style_node) for step in path], scalar, is_top=is_top)

    keys = [key.value for key, _ in node.value]
    order: Sequence[str] = FIELDS if is_top else sorted({path[0], *keys}, key=_natural_order)
    position = insert_position([rank(key, order) for key in keys], rank(path[0], order))
    return insert(text, node, position, entry, end_of_key)


def _entry(
    text: str, node: yaml.MappingNode, keys: Sequence[str], scalar: str, *, is_top: bool
) -> str:
    """A new entry as text. A new section of the manifest is a block if the manifest is one; all
    other new mappings are in flow style."""
    first, *inner_keys = keys
    if not is_top or not inner_keys:
        return f"{first}: {_nested(inner_keys, scalar)}"

    indentation = key_indentation(text, node)
    if indentation is None:
        return f"{first}: {_nested(inner_keys, scalar)}"
    indentation += text_edits.indent_step(text, node)
    inner = _nested(inner_keys[1:], scalar)
    return f"{first}:{text_edits.line_break(text)}{indentation}{inner_keys[0]}: {inner}"


def _nested(keys: Sequence[str], scalar: str) -> str:
    """A scalar inside one flow mapping for each key: `{tags: {task: x}}`."""
    for key in reversed(keys):
        scalar = f"{{{key}: {scalar}}}"
    return scalar


def _natural_order(key: str) -> tuple[int, str]:
    return (int(key) if key.isdigit() else 0), key


def _key(name: str, style_node: yaml.Node | None) -> str:
    """A key as YAML. Version numbers are plain unless other keys are quoted."""
    is_quoted = isinstance(style_node, yaml.ScalarNode) and bool(style_node.style)
    return name if name.isdigit() and not is_quoted else quoted(name, style_node)


def _scalar(value: str | int, style_node: yaml.Node | None) -> str:
    return str(value) if isinstance(value, int) else quoted(value, style_node)
