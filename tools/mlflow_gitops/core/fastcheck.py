"""A quick yes to a JSON Schema: the schema as Python functions, for the files that have nothing wrong with them.

Most files are valid, and the library takes twenty times as long to say so. Only its yes counts: where this says no, or meets a
keyword that it does not know, the library decides and gives the reasons. A test holds the two against each other.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

Check = Callable[[Any], bool]

_WORDS = frozenset(
    {"$schema", "$id", "$defs", "title", "description", "examples", "default", "patternErrorMessage", "required"}
)
"""Keywords that judge nothing, and `required`, which goes with `properties`."""

_TYPES: Mapping[str, Check] = {
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
    "null": lambda value: value is None,
}


class Unknown(Exception):
    """The schema uses what is not translated here."""


def compiled(schema: Mapping[str, Any]) -> Check:
    """The schema as a function that is true only of what the schema allows. Raises Unknown."""
    known: dict[str, Check] = {}

    def refer(reference: str) -> Check:
        if not reference.startswith("#/$defs/"):
            raise Unknown(reference)
        name = reference.removeprefix("#/$defs/")
        if name not in known:
            known[name] = lambda value: known[name](value)  # a definition may lead back to itself
            known[name] = build(schema["$defs"][name])
        return known[name]

    def build(part: Any) -> Check:
        if part is True or part is False:
            return lambda value: part
        checks: list[Check] = []
        for keyword, wanted in part.items():
            if keyword == "$ref":
                checks.append(refer(wanted))
            elif keyword in ("properties", "additionalProperties"):
                pass
            elif keyword == "propertyNames":
                checks.append(_of("object", _names(build(wanted))))
            elif keyword == "items":
                checks.append(_of("array", _items(build(wanted))))
            elif keyword in _SIMPLE:
                checks.append(_SIMPLE[keyword](wanted))
            elif keyword not in _WORDS:
                raise Unknown(keyword)
        if part.keys() & {"properties", "additionalProperties", "required"}:
            fields = {name: build(below) for name, below in part.get("properties", {}).items()}
            others = build(part.get("additionalProperties", True))
            checks.append(_of("object", _fields(fields, others, tuple(part.get("required", ())))))
        return checks[0] if len(checks) == 1 else _all(tuple(checks))

    return build(schema)


def _all(checks: tuple[Check, ...]) -> Check:
    def every(value: Any) -> bool:
        for check in checks:  # noqa: SIM110  # `all` with a generator costs twice as much
            if not check(value):
                return False
        return True

    return every


def _of(kind: str, check: Check) -> Check:
    """A keyword judges one kind of value and lets all others be."""
    concerns = _TYPES[kind]
    return lambda value: not concerns(value) or check(value)


def _names(check: Check) -> Check:
    return lambda value: all(map(check, value))


def _items(check: Check) -> Check:
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


def _pattern(expression: str) -> Check:
    search = re.compile(re.sub(r"\$\Z", r"\\Z", expression)).search
    return _of("string", lambda value: search(value) is not None)


def _unique(wanted: bool) -> Check:
    def once(value: Any) -> bool:
        return len({json.dumps(item, sort_keys=True) for item in value}) == len(value)

    return _of("array", once) if wanted else lambda value: True


_SIMPLE: Mapping[str, Callable[[Any], Check]] = {
    "type": _type,
    "enum": lambda wanted: lambda value: any(type(value) is type(one) and value == one for one in wanted),
    "minimum": lambda least: _of("number", lambda value: value >= least),
    "maximum": lambda most: _of("number", lambda value: value <= most),
    "minLength": lambda least: _of("string", lambda value: len(value) >= least),
    "maxLength": lambda most: _of("string", lambda value: len(value) <= most),
    "minItems": lambda least: _of("array", lambda value: len(value) >= least),
    "maxItems": lambda most: _of("array", lambda value: len(value) <= most),
    "pattern": _pattern,
    "uniqueItems": _unique,
}
