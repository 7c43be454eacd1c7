"""The fields that the schemas have, each with its place: for messages about a field that is not
where it belongs, and for the reference in registry/policy.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mlflow_gitops.core.wording import or_list

_WORDS = {
    "stages": "STAGE",
    "aliases": "ALIAS",
    "tags": "TAG",
    "metrics": "METRIC",
    "plugins": "GATE",
    "versions": "VERSION",
    "channels": "CHANNEL",
    "": "NAME",
}
"""What stands for a name that people choose, by the field above it; "" is the top of the file."""


@dataclass(frozen=True, slots=True)
class SchemaField:
    """One field: its parent (`stages.STAGE.require`; "" is the top of the file), its name, its
    schema with references followed, and whether the parent must have it."""

    parent: str
    name: str
    schema: Mapping[str, Any]
    is_required: bool

    @property
    def path(self) -> str:
        return below(self.parent, self.name)


def below(parent: str, name: str) -> str:
    """The path of a field below its parent."""
    return f"{parent}.{name}" if parent else name


def fields_of(schema: Mapping[str, Any]) -> Iterator[SchemaField]:
    """Every field of a schema, each parent with all its fields before those below them."""
    yield from _fields(schema, schema, "", "")


def _fields(
    root: Mapping[str, Any], schema: Mapping[str, Any], parent: str, above: str
) -> Iterator[SchemaField]:
    """The fields of one mapping or list. `above` is the field that holds it."""
    required = schema.get("required", ())
    fields = [
        SchemaField(parent, name, resolved(root, field), name in required)
        for name, field in schema.get("properties", {}).items()
    ]
    chosen = schema.get("additionalProperties")
    word = _WORDS.get(above, "NAME")
    if isinstance(chosen, dict):
        fields.append(SchemaField(parent, word, resolved(root, chosen), False))

    yield from fields
    has_word = isinstance(chosen, dict)
    for field in fields:
        # Stages that everybody has are like all others: described once, under STAGE.
        if has_word and field.name != word and field.schema.get("properties"):
            continue
        yield from _fields(root, field.schema, field.path, field.name)
    items = resolved(root, schema.get("items") or {})
    if items.get("properties"):
        yield from _fields(root, items, f"{parent}[]", above)


def resolved(root: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """A schema with its reference followed; what stands beside the reference wins."""
    reference = schema.get("$ref")
    if reference is None:
        return schema
    target: Mapping[str, Any] = root
    for step in str(reference).removeprefix("#/").split("/"):
        target = target[step]
    return {**resolved(root, target), **{k: v for k, v in schema.items() if k != "$ref"}}


def belongs(name: str, schemas: Mapping[str, Mapping[str, Any]], file: str) -> str:
    """Where a field belongs that is not at its place: `it belongs at the top of the file`. `file`
    names the file's schema; the others are searched if it has no such field. Empty if none has."""
    if parents := _parents_of(name, schemas[file]):
        return f"it belongs {or_list(parents)}"
    for file_name, schema in schemas.items():
        if file_name != file and (parents := _parents_of(name, schema)):
            return f"it is a field of {_FILES[file_name]}, {or_list(parents)}"
    return ""


_FILES = {
    "model": "a manifest",
    "policy": "policy.yaml",
    "environments": "environments.yaml",
    "notify": "notify.yaml",
}


def _parents_of(name: str, schema: Mapping[str, Any]) -> list[str]:
    parents = [field.parent for field in fields_of(schema) if field.name == name and name.islower()]
    # Exceptions have the same fields again.
    general = [parent for parent in parents if not parent.startswith("models[]")] or parents
    return [f"under {parent}" if parent else "at the top of the file" for parent in general]
