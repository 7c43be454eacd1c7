"""Check a parsed document against one of the JSON Schemas, in words a person can act on.

The schemas in `schemas/` are the one source for this and for editors. The verdict on what is wrong
is the jsonschema library's; this module turns its errors into problems with positions. What is
right is told faster (`core/yaml/fast_schema.py`).
"""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from mlflow_gitops.core.wording import did_you_mean, or_list
from mlflow_gitops.core.yaml.document import Document
from mlflow_gitops.core.yaml.fast_schema import (
    Check,
    UnsupportedSchema,
    compile_schema,
    json_identity,
)
from mlflow_gitops.shared import shared_path

_ENOUGH = 1000
"""Errors that the library is asked for. It takes seconds to name half a million, of which a person
reads a screen."""

_TYPES = {
    "integer": "a whole number", "number": "a number", "string": "text", "boolean": "true or false",
    "array": "a list", "object": "a mapping", "null": "null",
}  # fmt: skip


@cache
def schema_text(name: str) -> str:
    """The text of a shipped schema, `model` or `policy`."""
    return (shared_path("schemas") / f"{name}.schema.json").read_text(encoding="utf-8")


@cache
def _validator(name: str) -> Any:
    from jsonschema import Draft202012Validator, ValidationError, validators

    def whole(_: object, instance: object) -> bool:
        # JSON Schema counts 12.0 as an integer; a version is written 12.
        return isinstance(instance, int) and not isinstance(instance, bool)

    def pattern(
        _: object, expression: str, instance: object, __: object
    ) -> Iterator[ValidationError]:
        # Python's `$` also matches before a final line break; JSON Schema's does not.
        if isinstance(instance, str) and not re.search(
            re.sub(r"\$\Z", r"\\Z", expression), instance
        ):
            yield ValidationError("pattern")

    def finite(_: object, instance: object) -> bool:
        # JSON knows no .nan, which would be neither under a minimum nor over a maximum.
        return (
            isinstance(instance, (int, float))
            and not isinstance(instance, bool)
            and math.isfinite(instance)
        )

    def unique(_: object, wanted: bool, instance: object, __: object) -> Iterator[ValidationError]:
        # The library's own compares each with each where the items are of several types.
        if (
            wanted
            and isinstance(instance, list)
            and len(set(map(json_identity, instance))) < len(instance)
        ):
            yield ValidationError("unique")

    # Of a long list or mapping, the library sees what is wrong alone: it takes 20 us to find an
    # item right.
    def items(
        validator: Any, wanted: Any, instance: object, _: object
    ) -> Iterator[ValidationError]:
        if isinstance(instance, list):
            fine = part(wanted)
            for place, item in enumerate(instance):
                if not fine(item):
                    yield from validator.descend(item, wanted, path=place)

    def names(
        validator: Any, wanted: Any, instance: object, _: object
    ) -> Iterator[ValidationError]:
        if isinstance(instance, dict):
            for key in itertools.filterfalse(part(wanted), instance):
                yield from validator.descend(key, wanted)

    def others(
        validator: Any, wanted: Any, instance: object, schema: Any
    ) -> Iterator[ValidationError]:
        if isinstance(wanted, dict) and isinstance(instance, dict):
            known, fine = schema.get("properties", ()), part(wanted)
            for key, value in instance.items():
                if key not in known and not fine(value):
                    yield from validator.descend(value, wanted, path=key)
        else:
            yield from Draft202012Validator.VALIDATORS["additionalProperties"](
                validator, wanted, instance, schema
            )

    whole_schema = json.loads(schema_text(name))

    def part(schema: Any) -> Check:
        return (
            _compiled({**schema, "$defs": whole_schema["$defs"]})
            if isinstance(schema, dict)
            else lambda value: False
        )

    checker = Draft202012Validator.TYPE_CHECKER.redefine_many({"integer": whole, "number": finite})
    extend: Any = validators.extend
    keywords = {"pattern": pattern, "uniqueItems": unique, "items": items}
    keywords |= {"propertyNames": names, "additionalProperties": others}
    return extend(Draft202012Validator, keywords, type_checker=checker)(whole_schema)


@cache
def _fast_check(name: str) -> Check:
    return _compiled(json.loads(schema_text(name)))


def _compiled(schema: dict[str, Any]) -> Check:
    try:
        return compile_schema(schema)
    except UnsupportedSchema:
        return lambda value: False


def check(document: Document, name: str) -> None:
    """Record in `document` every way in which it departs from the schema `name` (`model` or
    `policy`)."""
    if _fast_check(name)(document.root):
        return
    missing_told: set[tuple[str | int, ...]] = set()
    for count, error in enumerate(_validator(name).iter_errors(document.root)):
        if count == _ENOUGH:
            if document.is_full:
                document.count_unreported(1, at_least=True)
            return
        path: tuple[str | int, ...] = tuple(error.absolute_path)
        where = ".".join(map(str, path)) or "the file"
        rule, wanted, instance = error.validator, error.validator_value, error.instance
        if rule == "uniqueItems" and path[:1] == ("stages",):
            continue  # `version-twice` says it, at the second one
        if rule == "additionalProperties":
            for extra in sorted(set(instance) - set(error.schema.get("properties", ()))):
                message = "" if document.is_full else _unknown(extra, where, error.schema)
                document.add_problem_at("unknown-field", message, (*path, extra), key=True)
        elif rule == "required":
            if path not in missing_told:
                missing_told.add(path)
                for field in [field for field in wanted if field not in instance]:
                    document.add_problem_at("missing-field", f"{where} lacks {field!r}", path)
        elif rule == "type":
            kinds = [wanted] if isinstance(wanted, str) else list(wanted)
            message = (
                f"{where} must be {or_list([_TYPES[kind] for kind in kinds])}, not"
                f" {_kind(instance)}"
            )
            document.add_problem_at("wrong-type", message + _hint(kinds, instance), path)
        elif "propertyNames" in list(error.absolute_schema_path)[-3:]:
            document.add_problem_at(
                "bad-value",
                f"{_short(instance)} in {where}: {_why(error)}",
                (*path, instance),
                key=True,
            )
        else:
            document.add_problem_at("bad-value", f"{where}: {_why(error)}", path)


def _unknown(extra: str, where: str, schema: dict[str, Any]) -> str:
    fields = schema.get("properties", ())
    hint = did_you_mean(extra, fields) or f"known: {', '.join(fields)}"
    return f"{_short(extra)} is no field of {where}; {hint}"


def _kind(instance: object) -> str:
    if isinstance(instance, bool):
        return f"{str(instance).lower()} (true or false)"
    for kind, python in (
        ("null", type(None)),
        ("object", dict),
        ("array", list),
        ("string", str),
        ("integer", int),
    ):
        if isinstance(instance, python):
            shown = "" if kind in ("object", "array", "null") else f" ({_short(instance)})"
            return _TYPES[kind] + shown
    return f"the fraction {instance}" if math.isfinite(instance) else f".{instance}"  # type: ignore[arg-type]


def _hint(kinds: list[str], instance: object) -> str:
    if kinds == ["string"] and isinstance(instance, (int, float)):
        return "; put it in quotes"
    if "integer" in kinds and isinstance(instance, str) and instance.isdigit():
        return "; take the quotes away"
    return ""


def _why(error: Any) -> str:
    rule, wanted, instance = error.validator, error.validator_value, error.instance
    if rule == "pattern":
        return str(error.schema.get("patternErrorMessage", f"does not match {wanted}"))
    if rule == "enum":
        return f"{_plain(instance)} is none of {', '.join(map(_plain, wanted))}"
    if rule in ("minimum", "maximum"):
        return f"{instance} is {'under' if rule == 'minimum' else 'over'} {wanted}"
    if rule == "uniqueItems":
        return "names the same thing twice"
    if rule in ("minLength", "maxLength", "maxItems"):
        return "is empty" if rule == "minLength" else f"is longer than {wanted}"
    return str(error.message)[:200]


def _plain(value: object) -> str:
    """A value as it is written in YAML."""
    words = {None: "null", True: "true", False: "false"}
    return (
        words[value]
        if value is None or isinstance(value, bool)
        else value
        if isinstance(value, str)
        else str(value)
    )


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
