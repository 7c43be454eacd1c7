"""The barest answers that a description allows: each field that may be null, empty or left out."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tests.support.description.schemas import Schema, Schemas

_ANY = "*"
"""Every entry of a list."""
_DECORATION = ("_url", "node_id", "gravatar_id")
"""Endings of fields that nobody reads: links, mostly."""
_OF_REPOSITORIES = ("full_name", "name", "owner")
"""What is read of a repository that is part of an answer."""


@dataclass(frozen=True)
class Bareness:
    """One field of an answer, and how it is bare."""

    place: tuple[str, ...]
    kind: Literal["null", "empty", "missing"]

    def applied(self, answer: Any) -> Any:
        """A copy of the answer with this field bare, in each entry of a list."""
        changed = copy.deepcopy(answer)
        for holder in self._holders(changed, self.place[:-1]):
            name = self.place[-1]
            if self.kind == "missing":
                holder.pop(name, None)
            elif name in holder:
                holder[name] = None if self.kind == "null" else {}
        return changed

    def _holders(self, value: Any, steps: Sequence[str]) -> Iterator[dict[str, Any]]:
        if not steps:
            if isinstance(value, dict):
                yield value
        elif steps[0] == _ANY:
            for entry in value if isinstance(value, list) else ():
                yield from self._holders(entry, steps[1:])
        elif isinstance(value, dict) and steps[0] in value:
            yield from self._holders(value[steps[0]], steps[1:])


def bare_fields(schemas: Schemas, schema: Schema, answer: Any) -> Iterator[Bareness]:
    """All that may be bare in an answer."""
    yield from dict.fromkeys(_of(schemas, [schema], answer, ()))


def null_fields(answer: Any, place: tuple[str, ...] = ()) -> Iterator[Bareness]:
    """Each field of an answer, null; without what nobody reads."""
    if isinstance(answer, list):
        entries = (field for entry in answer for field in null_fields(entry, (*place, _ANY)))
        yield from dict.fromkeys(entries)
    elif isinstance(answer, dict):
        for name, entry in answer.items():
            if not name.endswith(_DECORATION):
                yield Bareness((*place, name), "null")
                yield from null_fields(entry, (*place, name))


def _of(
    schemas: Schemas, alternatives: Sequence[Schema], value: Any, place: tuple[str, ...]
) -> Iterator[Bareness]:
    parts = [part for schema in alternatives for part in schemas.parts(schema, value)]
    if isinstance(value, list):
        items = [part["items"] for part in parts if "items" in part]
        for entry in value:
            yield from _of(schemas, items, entry, (*place, _ANY))
    elif isinstance(value, dict):
        for name, entry in value.items():
            properties = [part.get("properties", {}) for part in parts]
            known = [fields[name] for fields in properties if name in fields]
            is_part = place[-1:] in (("repo",), ("repository",), ("head_repository",))
            if is_part and name not in _OF_REPOSITORIES:
                continue
            if known and not name.endswith(_DECORATION):
                required = any(name in part.get("required", ()) for part in parts)
                yield from _kinds(schemas, known, (*place, name), required=required)
                yield from _of(schemas, known, entry, (*place, name))


def _kinds(
    schemas: Schemas, known: Sequence[Schema], place: tuple[str, ...], *, required: bool
) -> Iterator[Bareness]:
    if not required:
        yield Bareness(place, "missing")
    for schema in known:
        whole: Mapping[str, Any] = schemas.resolved(schema)
        if whole.get("nullable"):
            yield Bareness(place, "null")
        if any(_is_empty(schemas.resolved(part)) for part in whole.get("oneOf", ())):
            yield Bareness(place, "empty")


def _is_empty(schema: Mapping[str, Any]) -> bool:
    return schema.get("type") == "object" and not schema.get("properties")
