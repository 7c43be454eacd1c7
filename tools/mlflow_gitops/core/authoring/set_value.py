"""Single values of a manifest, by where they stand: aliases, descriptions, tags. `core.editing`
puts edits together."""

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

FIELDS = ("name", "kind", "description", "owners", "tags", "stages", "aliases", "versions")
"""A manifest's fields in the order they are written."""

Path = tuple[str, ...]
"""Where a value stands: `("aliases", "champion")`, `("versions", "12", "tags", "task")`."""


def set_value(text: str, path: Path, value: str | int | None) -> str:
    """Give one value, wherever it stands, or take it out; a mapping that is left empty goes with
    it."""
    node, above, parent = compose(text), 0, 0
    for depth, step in enumerate(path[:-1]):
        found = find_entry(node, step)
        if found is None:
            return (
                text
                if value is None
                else _put_in(text, node, path[depth:], value, above, top=depth == 0)
            )
        if not isinstance(found[2], yaml.MappingNode):
            raise UnsupportedLayout
        above, node, parent = found[1].end_mark.index, found[2], len(found[2].value)
    found = find_entry(node, path[-1])
    if found is None:
        return (
            text
            if value is None
            else _put_in(text, node, path[-1:], value, above, top=len(path) == 1)
        )
    i, key, old = found
    if value is None:
        return set_value(text, path[:-1], None) if parent == 1 else remove(text, node, i)
    return text if old.value == str(value) else replace_value(text, key, old, _scalar(value, old))


def _put_in(
    text: str, node: yaml.MappingNode, path: Path, value: str | int, above: int, *, top: bool
) -> str:
    """A new entry, and the mappings around it that are not there yet."""
    like = node.value[0][0] if node.value else None
    names = [_key(step, like) for step in path]
    inner = _scalar(value, text_edits.double_quoted(like))
    for name in reversed(names[1:] if not top else names[2:]):
        inner = f"{{{name}: {inner}}}"
    outer = key_indentation(text, node) if top else None
    if top and len(names) > 1:
        head = (
            f"{text_edits.line_break(text)}{outer}{text_edits.indent_step(text, node)}"
            if outer is not None
            else " {"
        )
        inner = f"{head}{names[1]}: {inner}{'' if outer is not None else '}'}"
        entry = f"{names[0]}:{inner}"
    else:
        entry = f"{names[0]}: {inner}"
    order: Sequence[str] = (
        FIELDS if top else sorted({*path[:1], *(key.value for key, _ in node.value)}, key=_natural)
    )
    at = insert_position([rank(key.value, order) for key, _ in node.value], rank(path[0], order))
    return insert(text, node, at, entry, above)


def _natural(key: str) -> tuple[int, str]:
    return (int(key) if key.isdigit() else 0), key


def _key(name: str, like: yaml.Node | None) -> str:
    plain = name.isdigit() and not (isinstance(like, yaml.ScalarNode) and like.style)
    return name if plain else quoted(name, like)


def _scalar(value: str | int, like: yaml.Node | None) -> str:
    return str(value) if isinstance(value, int) else quoted(value, like)


def with_value(manifest: Manifest, path: Path, value: str | int | None) -> Manifest:
    """The manifest as it means then."""
    if path[0] == "versions":
        number = int(path[1])
        spec = manifest.versions.get(number, VersionSpec())
        inner = _changed(spec.tags, path[3], value) if path[2] == "tags" else value
        changed = replace(spec, **{path[2]: inner})  # type: ignore[arg-type]
        return replace(manifest, versions={**manifest.versions, number: changed})
    inner = value if len(path) == 1 else _changed(getattr(manifest, path[0]), path[1], value)
    return replace(manifest, **{path[0]: inner})  # type: ignore[arg-type]


def _changed(mapping: Mapping[str, object], key: str, value: str | int | None) -> dict[str, object]:
    rest = {name: kept for name, kept in mapping.items() if name != key}
    return rest if value is None else {**rest, key: value}


def rank(name: str, order: Sequence[str]) -> int:
    """A name's place in an order; last, where it has none."""
    return order.index(name) if name in order else len(order)
