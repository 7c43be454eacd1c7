"""The schemas of an OpenAPI 3.0 description: whether a value is valid, and which of its fields they
do not know."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from jsonschema import Draft4Validator, FormatChecker, ValidationError, validators
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

_URI = "urn:github"
_COMPOSITIONS = ("allOf", "anyOf", "oneOf")

Schema = Mapping[str, Any]


def _unless_null(keyword: str) -> Callable[..., Iterator[Any]]:
    """A keyword that lets null pass where the schema has `nullable`."""

    def check(validator: Any, value: Any, instance: Any, schema: Schema) -> Iterator[Any]:
        if instance is not None or not schema.get("nullable"):
            yield from Draft4Validator.VALIDATORS[keyword](validator, value, instance, schema)

    return check


# OpenAPI 3.0 has the JSON Schema of draft 4 with `nullable`.
_Validator = validators.extend(
    Draft4Validator,
    {keyword: _unless_null(keyword) for keyword in ("type", "enum", *_COMPOSITIONS)},
)


class Schemas:
    """The schemas of one description, which is a text in JSON."""

    def __init__(self, text: str) -> None:
        # So that a schema which is taken out of the document still refers to it.
        self.document: Mapping[str, Any] = json.loads(text.replace('"#/', f'"{_URI}#/'))
        resource: Any = Resource(contents=self.document, specification=DRAFT4)
        self._registry = Registry().with_resource(_URI, resource)

    def resolved(self, node: Any) -> Any:
        """What a reference leads to; anything else as it is."""
        while isinstance(node, Mapping) and "$ref" in node:
            steps = node["$ref"].removeprefix(f"{_URI}#/").split("/")
            node = self.document
            for step in steps:
                node = node[step.replace("~1", "/").replace("~0", "~")]
        return node

    def errors(self, schema: Schema, value: Any) -> list[str]:
        """What is wrong with a value, unknown fields too."""
        found = list(self._validator(schema).iter_errors(value))
        wrong = [f"{_place(error)}: {_reason(error)}" for error in found]
        return wrong or [f"{place}: unknown" for place in self._unknown([schema], value, "")]

    def _validator(self, schema: Schema) -> Any:
        return _Validator(schema, registry=self._registry, format_checker=FormatChecker())

    def _unknown(self, schemas: Sequence[Schema], value: Any, place: str) -> Iterator[str]:
        """The fields of a value that none of its schemas has."""
        whole = [part for schema in schemas for part in self.parts(schema, value)]
        if isinstance(value, list):
            items = [part["items"] for part in whole if "items" in part]
            for number, item in enumerate(value):
                yield from self._unknown(items, item, f"{place}/{number}")
        elif isinstance(value, dict):
            yield from self._unknown_fields(whole, value, place)

    def _unknown_fields(
        self, parts: Sequence[Schema], value: Mapping[str, Any], place: str
    ) -> Iterator[str]:
        others = [part["additionalProperties"] for part in parts if "additionalProperties" in part]
        more = [other for other in others if isinstance(other, Mapping)]
        is_open = True in others or not any("properties" in part for part in parts)
        for name, entry in value.items():
            known = [
                part["properties"][name] for part in parts if name in part.get("properties", ())
            ]
            if known or more:
                yield from self._unknown(known or more, entry, f"{place}/{name}")
            elif not is_open:
                yield f"{place}/{name}"

    def parts(self, schema: Schema, value: Any) -> Iterator[Schema]:
        """The schemas that a schema is made of, of its alternatives those that hold."""
        whole = self.resolved(schema)
        yield whole
        for keyword in _COMPOSITIONS:
            for part in whole.get(keyword, ()):
                if keyword == "allOf" or self._validator(part).is_valid(value):
                    yield from self.parts(part, value)


def _place(error: ValidationError) -> str:
    return "".join(f"/{step}" for step in error.absolute_path) or "/"


def _reason(error: ValidationError) -> str:
    if error.context:
        nested = min(error.context, key=lambda each: (len(each.context or ()), -len(each.path)))
        return f"no alternative holds, e.g. {_place(nested)}: {nested.message[:200]}"
    return error.message[:300]
