"""A quick yes to a JSON Schema: the schema as Python functions, for the files that have nothing
wrong with them.

Most files are valid, and the library takes twenty times as long to say so. Only its yes counts:
where this says no, or meets a keyword that it does not know, the library decides and gives the
reasons. A test holds the two against each other.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

Check = Callable[[Any], bool]

_WORDS = frozenset(
    {
        "$schema",
        "$id",
        "$defs",
        "title",
        "description",
        "examples",
        "default",
        "patternErrorMessage",
        "required",
    }
)
"""Keywords that judge nothing, and `required`, which goes with `properties`."""

_TYPES: Mapping[str, Check] = {
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
    """The schema uses what is not translated here."""


def compile_schema(schema: Mapping[str, Any]) -> Check:
    """The schema as a function that is true only of what the schema allows. Raises Unknown."""
    known: dict[str, Check] = {}

    def refer(reference: str) -> Check:
        if not reference.startswith("#/$defs/"):
            raise UnsupportedSchema(reference)
        name = reference.removeprefix("#/$defs/")
        if name not in known:
            known[name] = lambda value: known[name](value)  # a definition may lead back to itself
            known[name] = build(schema["$defs"][name])
        return known[name]

    def build(part: Any) -> Check:
        if part is True or part is False:
            return lambda value: part
        sure = part.get("type")  # its check comes first, and the others need not ask again
        checks: list[Check] = [_type(sure)] if sure is not None else []

        def judge(kind: str, check: Check) -> None:
            """A keyword judges one kind of value and lets all others be."""
            checks.append(
                check if sure == kind or (sure, kind) == ("integer", "number") else _of(kind, check)
            )

        for keyword, wanted in part.items():
            if keyword == "$ref":
                checks.append(refer(wanted))
            elif keyword == "enum":
                checks.append(_enum(wanted))
            elif keyword in ("type", "properties", "additionalProperties"):
                pass
            elif keyword == "propertyNames":
                judge("object", _each(build(wanted)))
            elif keyword == "items":
                judge("array", _each(build(wanted)))
            elif keyword in _SIMPLE:
                kind, make = _SIMPLE[keyword]
                judge(kind, make(wanted))
            elif keyword not in _WORDS:
                raise UnsupportedSchema(keyword)
        if part.keys() & {"properties", "additionalProperties", "required"}:
            fields = {name: build(below) for name, below in part.get("properties", {}).items()}
            others = build(part.get("additionalProperties", True))
            judge("object", _fields(fields, others, tuple(part.get("required", ()))))
        return _all(tuple(checks))

    return build(schema)


def _all(checks: tuple[Check, ...]) -> Check:
    if len(checks) == 1:
        return checks[0]
    if len(checks) == 2:
        first, second = checks
        return lambda value: first(value) and second(value)

    def every(value: Any) -> bool:
        for check in checks:  # noqa: SIM110  # `all` with a generator costs twice as much
            if not check(value):
                return False
        return True

    return every


def _of(kind: str, check: Check) -> Check:
    concerns = _TYPES[kind]
    return lambda value: not concerns(value) or check(value)


def _each(check: Check) -> Check:
    return lambda value: all(map(check, value))


def _fields(fields: Mapping[str, Check], others: Check, required: tuple[str, ...]) -> Check:
    def judged(value: Any) -> bool:
        for name in required:
            if name not in value:
                return False
        for name, below in value.items():  # noqa: SIM110
            if not fields.get(name, others)(below):
                return False
        return True

    return judged


def _type(wanted: str | list[str]) -> Check:
    kinds = [wanted] if isinstance(wanted, str) else wanted
    checks = [_TYPES[kind] for kind in kinds]
    return checks[0] if len(checks) == 1 else lambda value: any(check(value) for check in checks)


def _enum(wanted: list[Any]) -> Check:
    return lambda value: any(type(value) is type(one) and value == one for one in wanted)


def _pattern(expression: str) -> Check:
    search = re.compile(re.sub(r"\$\Z", r"\\Z", expression)).search
    return lambda value: search(value) is not None


def _unique(wanted: bool) -> Check:
    if not wanted:
        return lambda value: True
    return lambda value: len(set(map(json_identity, value))) == len(value)


def json_identity(item: Any) -> object:
    """What is equal for equal values alone: to JSON, 1, 1.0 and true are three."""
    return (
        json.dumps(item, sort_keys=True) if isinstance(item, (list, dict)) else (type(item), item)
    )


_SIMPLE: Mapping[str, tuple[str, Callable[[Any], Check]]] = {
    "minimum": ("number", lambda least: lambda value: value >= least),
    "maximum": ("number", lambda most: lambda value: value <= most),
    "minLength": ("string", lambda least: lambda value: len(value) >= least),
    "maxLength": ("string", lambda most: lambda value: len(value) <= most),
    "minItems": ("array", lambda least: lambda value: len(value) >= least),
    "maxItems": ("array", lambda most: lambda value: len(value) <= most),
    "pattern": ("string", _pattern),
    "uniqueItems": ("array", _unique),
}
"""Keywords that judge one kind of value alone, and what they ask of it."""
