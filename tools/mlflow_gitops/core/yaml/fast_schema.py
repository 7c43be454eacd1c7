"""A fast check of valid files: a JSON Schema compiled into Python functions.

Most files are valid, and the jsonschema library takes 20 times as long to find that out. Only a
True counts here. If the answer is False, or the schema uses a keyword that is not supported here,
the library decides and gives the reasons (`schema_check.py`). A test compares the two.

jsonschema-rs 0.61 was measured in its place (Python 3.11, 2 processors). Checking 10,000 manifests
takes it 0.09 s instead of 0.48 s, and all of `validate` 2.56 s instead of 2.84 s of processor time.
But importing it takes 10 to 24 ms, which `validate` of one manifest pays in full: 0.201 s instead
of 0.188 s, and so does every other command that reads a manifest. It also accepts 12.0 as an
integer, as JSON Schema does; a version must be written 12 (the 210 verdicts on the example files
are the same). Most people validate few files, so this stays.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

SchemaCheck = Callable[[Any], bool]

_DEFINITIONS = "#/$defs/"
_ANNOTATIONS = frozenset(
    {"$schema", "$id", "$defs", "title", "description", "examples", "default"}
    | {"patternErrorMessage"}
)
"""Keywords that reject nothing."""

_OBJECT_KEYWORDS = frozenset({"properties", "additionalProperties", "required"})
"""Keywords that are checked together."""

_TYPES: Mapping[str, SchemaCheck] = {
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: (
        isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    ),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
    "null": lambda value: value is None,
}


class UnsupportedSchema(Exception):
    """The schema uses a keyword that is not supported here."""


def compile_schema(schema: Mapping[str, Any]) -> SchemaCheck:
    """Return a function that is True only for values that the schema allows.

    Raises UnsupportedSchema.
    """
    return _Compiler(schema.get("$defs", {})).compile(schema)


def json_identity(item: Any) -> object:
    """Return a value that is equal for equal items only. As JSON text, 1, 1.0 and true differ."""
    if isinstance(item, (list, dict)):
        return json.dumps(item, sort_keys=True)
    return (type(item), item)


class _Compiler:
    """Compiles the parts of one schema; `definitions` are what `$ref` may refer to."""

    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self._definitions = definitions
        self._compiled: dict[str, SchemaCheck] = {}

    def compile(self, part: Any) -> SchemaCheck:
        if isinstance(part, bool):
            return lambda value: part

        # The type's check comes first. The other checks need not test that type again.
        known_type = part.get("type")
        checks = [_type_check(known_type)] if known_type is not None else []
        for keyword, argument in part.items():
            check = self._keyword(keyword, argument, known_type)
            if check is not None:
                checks.append(check)
        if _OBJECT_KEYWORDS & part.keys():
            checks.append(_for_type("object", self._object_check(part), known_type))
        return _all(tuple(checks))

    def _keyword(self, keyword: str, argument: Any, known_type: Any) -> SchemaCheck | None:
        """Return the check of one keyword; None if `compile` does it, or there is nothing to
        check."""
        if keyword == "$ref":
            return self._reference(argument)
        if keyword == "enum":
            return _enum_check(argument)
        if keyword == "propertyNames":
            return _for_type("object", _every_item(self.compile(argument)), known_type)
        if keyword == "items":
            return _for_type("array", _every_item(self.compile(argument)), known_type)
        if keyword in _VALUE_KEYWORDS:
            kind, make_check = _VALUE_KEYWORDS[keyword]
            return _for_type(kind, make_check(argument), known_type)
        if keyword == "type" or keyword in _OBJECT_KEYWORDS or keyword in _ANNOTATIONS:
            return None
        raise UnsupportedSchema(keyword)

    def _reference(self, reference: str) -> SchemaCheck:
        if not reference.startswith(_DEFINITIONS):
            raise UnsupportedSchema(reference)
        name = reference.removeprefix(_DEFINITIONS)
        if name not in self._compiled:
            # A definition may refer to itself, so its name must lead somewhere while it is
            # compiled.
            self._compiled[name] = lambda value: self._compiled[name](value)
            self._compiled[name] = self.compile(self._definitions[name])
        return self._compiled[name]

    def _object_check(self, part: Mapping[str, Any]) -> SchemaCheck:
        fields = {name: self.compile(field) for name, field in part.get("properties", {}).items()}
        additional = self.compile(part.get("additionalProperties", True))
        required = tuple(part.get("required", ()))

        def check(value: Any) -> bool:
            for name in required:
                if name not in value:
                    return False
            for name, item in value.items():  # noqa: SIM110
                if not fields.get(name, additional)(item):
                    return False
            return True

        return check


def _all(checks: tuple[SchemaCheck, ...]) -> SchemaCheck:
    if len(checks) == 1:
        return checks[0]
    if len(checks) == 2:
        first, second = checks
        return lambda value: first(value) and second(value)

    def every(value: Any) -> bool:
        for check in checks:  # noqa: SIM110  # `all` with a generator takes twice as long
            if not check(value):
                return False
        return True

    return every


def _for_type(kind: str, check: SchemaCheck, known_type: Any) -> SchemaCheck:
    """Return a check that accepts all values of another type, as JSON Schema's keywords do.

    If the schema's own `type` admits nothing else, the type need not be tested again.
    """
    if known_type == kind or (known_type, kind) == ("integer", "number"):
        return check
    is_kind = _TYPES[kind]
    return lambda value: not is_kind(value) or check(value)


def _every_item(check: SchemaCheck) -> SchemaCheck:
    return lambda value: all(map(check, value))


def _type_check(kinds: str | list[str]) -> SchemaCheck:
    if isinstance(kinds, str):
        return _TYPES[kinds]
    checks = [_TYPES[kind] for kind in kinds]
    return lambda value: any(check(value) for check in checks)


def _enum_check(allowed: list[Any]) -> SchemaCheck:
    return lambda value: any(type(value) is type(item) and value == item for item in allowed)


def _pattern_check(expression: str) -> SchemaCheck:
    # Python's `$` also matches before a final line break; JSON Schema's does not.
    search = re.compile(re.sub(r"\$\Z", r"\\Z", expression)).search
    return lambda value: search(value) is not None


def _unique_check(must_be_unique: bool) -> SchemaCheck:
    if not must_be_unique:
        return lambda value: True
    return lambda value: len(set(map(json_identity, value))) == len(value)


_VALUE_KEYWORDS: Mapping[str, tuple[str, Callable[[Any], SchemaCheck]]] = {
    "minimum": ("number", lambda least: lambda value: value >= least),
    "maximum": ("number", lambda most: lambda value: value <= most),
    "minLength": ("string", lambda least: lambda value: len(value) >= least),
    "maxLength": ("string", lambda most: lambda value: len(value) <= most),
    "minItems": ("array", lambda least: lambda value: len(value) >= least),
    "maxItems": ("array", lambda most: lambda value: len(value) <= most),
    "pattern": ("string", _pattern_check),
    "uniqueItems": ("array", _unique_check),
}
"""Keywords that concern values of one type: that type, and what makes the check."""
