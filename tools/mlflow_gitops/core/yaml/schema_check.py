"""Checks a parsed document against one of the JSON Schemas, and says what to fix in plain words.

The schemas in `schemas/` are the source for this and for editors. `fast_schema.py` accepts valid
files. For the others, the jsonschema library finds the errors, and this module turns them into
problems with positions.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import cache
from pathlib import PurePosixPath
from typing import Any

from mlflow_gitops.core.wording import and_list, did_you_mean, or_list
from mlflow_gitops.core.yaml.document import Document
from mlflow_gitops.core.yaml.fast_schema import SchemaCheck, compile_schema
from mlflow_gitops.core.yaml.problems import Problem
from mlflow_gitops.shared import shared_path

Path = tuple[str | int, ...]

SCHEMAS = ("model", "policy", "environments", "notify")

_MAX_ERRORS = 1000
"""Errors that are requested from the library. Listing half a million takes it seconds, and a person
reads one screen of them."""

_MAX_QUOTE = 60  # characters of a value that a message quotes
_MAX_LIBRARY_MESSAGE = 200

_TYPES = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "null",
}
_SHORT_REASONS = {
    "uniqueItems": "an item occurs twice",
    "minLength": "is empty",
    "maxLength": "is longer than {}",
    "maxItems": "is longer than {}",
}
_PYTHON_TYPES = (("object", dict), ("array", list), ("string", str), ("integer", int))


@cache
def schema_text(name: str) -> str:
    """Return the text of a shipped schema, one of `SCHEMAS`."""
    return (shared_path("schemas") / f"{name}.schema.json").read_text(encoding="utf-8")


@cache
def _fast_check(name: str) -> SchemaCheck:
    return compile_schema(json.loads(schema_text(name)))


@cache
def _validator(name: str) -> Any:
    from mlflow_gitops.core.yaml.schema_validator import make_validator  # loads jsonschema

    return make_validator(json.loads(schema_text(name)))


def check(document: Document, name: str) -> None:
    """Record in `document` every way in which it departs from a schema, one of `SCHEMAS`."""
    if _fast_check(name)(document.root):
        return
    reporter = _Reporter(document, name)
    for count, error in enumerate(_validator(name).iter_errors(document.root)):
        if count == _MAX_ERRORS:
            if document.is_full:
                document.count_unreported(1, at_least=True)
            return
        reporter.report(error)


class _Reporter:
    """Records the library's errors (`jsonschema.ValidationError`) as problems of one document."""

    def __init__(self, document: Document, name: str) -> None:
        self._document = document
        self._name = name
        self._incomplete: set[Path] = set()
        """Mappings whose missing fields were reported; the library has an error for each field."""

    def report(self, error: Any) -> None:
        path: Path = tuple(error.absolute_path)
        location = ".".join(map(str, path)) or "the file"
        if error.validator == "uniqueItems" and path[:1] == ("stages",):
            return  # `version-twice` reports it, at the second version
        if error.validator == "additionalProperties":
            self._report_unknown_fields(error, path, location)
        elif error.validator == "required":
            self._report_missing_fields(error, path, location)
        elif error.validator == "type" and _is_misspelt_field(error):
            self._report_misspelt_field(error, path)
        elif error.validator == "type":
            self._report_wrong_type(error, path, location)
        elif "propertyNames" in list(error.absolute_schema_path)[-3:]:
            message = f"{_quoted(error.instance)} in {location}: {_reason(error)}"
            key_path = (*path, str(error.instance))
            self._document.add_problem_at("bad-value", message, key_path, key=True)
        else:
            self._document.add_problem_at("bad-value", f"{location}: {_reason(error)}", path)

    def _report_unknown_fields(self, error: Any, path: Path, location: str) -> None:
        fields = error.schema.get("properties", {})
        for field in sorted(set(error.instance) - set(fields)):
            message = ""
            if not self._document.is_full:
                hint = self._belongs(field)
                hint = hint or did_you_mean(field, fields) or f"known: {', '.join(fields)}"
                message = f"{_quoted(field)} is not a field of {location}; {hint}"
            self._document.add_problem_at("unknown-field", message, (*path, field), key=True)

    def _belongs(self, field: str) -> str:
        """Where a field belongs that another place has; "" if none has."""
        from mlflow_gitops.core.yaml.field_places import belongs  # few files have such a field

        schemas = {name: json.loads(schema_text(name)) for name in SCHEMAS}
        return belongs(field, schemas, self._name)

    def _report_missing_fields(self, error: Any, path: Path, location: str) -> None:
        if path in self._incomplete:
            return
        self._incomplete.add(path)
        for field in error.validator_value:
            if field not in error.instance:
                message = f"{field!r} is missing in {location}"
                self._document.add_problem_at("missing-field", message, path)

    def _report_misspelt_field(self, error: Any, path: Path) -> None:
        location = ".".join(map(str, path[:-1])) or "the file"
        fields = and_list([repr(field) for field in error.schema["required"]])
        message = (
            f"{_quoted(path[-1])} is not a field of {location}; any other name takes a mapping with"
            f" {fields}"
        )
        self._document.add_problem_at("unknown-field", message, path, key=True)

    def _report_wrong_type(self, error: Any, path: Path, location: str) -> None:
        expected = error.validator_value
        kinds = [expected] if isinstance(expected, str) else list(expected)
        names = or_list([_TYPES[kind] for kind in kinds])
        hint = _quoting_hint(kinds, error.instance) or _fields_hint(error.schema, error.instance)
        message = f"{location} must be {names}, not {_describe(error.instance)}{hint}"
        self._document.add_problem_at("wrong-type", message, path)


def _is_misspelt_field(error: Any) -> bool:
    """Whether a value of the wrong type is under a name that the policy's `aliases` do not list:
    any other name is an alias, which takes a mapping."""
    path = list(error.absolute_path)
    return path[-2:-1] == ["aliases"] and "as" in error.schema.get("required", ())


def _describe(instance: object) -> str:
    """Return the type of a value, with the value itself if it is short."""
    if instance is None:
        return _TYPES["null"]
    if isinstance(instance, bool):
        return _as_yaml(instance)
    for kind, python_type in _PYTHON_TYPES:
        if isinstance(instance, python_type):
            is_container = kind in ("object", "array")
            return _TYPES[kind] if is_container else f"{_TYPES[kind]} ({_quoted(instance)})"
    if isinstance(instance, float) and not math.isfinite(instance):
        return f".{instance}"
    return f"the fraction {instance}"


def _quoting_hint(kinds: list[str], instance: object) -> str:
    if kinds == ["string"] and isinstance(instance, (int, float)):
        return "; put it in quotes"
    if "integer" in kinds and isinstance(instance, str) and instance.isdigit():
        return "; remove the quotes"
    return ""


def _fields_hint(schema: Mapping[str, Any], instance: Any) -> str:
    """How a number is written that has no name yet, such as a metric's bound: for a mapping that
    numbers alone can make, as its first example shows."""
    is_number = isinstance(instance, (int, float)) and not isinstance(instance, bool)
    if not is_number or not math.isfinite(instance):
        return ""
    kinds = {"number", "integer"} if isinstance(instance, int) else {"number"}
    fields = [
        field
        for field, field_schema in schema.get("properties", {}).items()
        if kinds.intersection(field_schema.get("type", ()))
    ]
    example: Mapping[str, Any] = next(iter(schema.get("examples", ())), {})
    if not fields or not set(example) <= set(fields):
        return ""
    return f"; write {or_list([f'{{{field}: {instance}}}' for field in fields])}"


def _reason(error: Any) -> str:
    """Return what is wrong with a value whose type is right."""
    rule, limit, instance = error.validator, error.validator_value, error.instance
    if rule == "pattern":
        return str(error.schema.get("patternErrorMessage", f"does not match {limit}"))
    if rule == "enum":
        return f"{_as_yaml(instance)} is not one of {', '.join(map(_as_yaml, limit))}"

    if rule == "minimum":
        return f"{instance} is under {limit}"
    if rule == "maximum":
        return f"{instance} is over {limit}"
    if rule in _SHORT_REASONS:
        return _SHORT_REASONS[rule].format(limit)
    return str(error.message)[:_MAX_LIBRARY_MESSAGE]


def _as_yaml(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def _quoted(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _MAX_QUOTE else text[: _MAX_QUOTE - 3] + "..."


def schema_copy_problems(copies: Mapping[str, bytes]) -> list[Problem]:
    """Warnings for the repository's own copies of schemas (path to content) that differ from the
    schemas of this command."""
    problems = []
    for path, data in sorted(copies.items()):
        name = PurePosixPath(path).name.removesuffix(".schema.json")
        if data.decode("utf-8", "replace").replace("\r\n", "\n") != schema_text(name):
            message = (
                "differs from the schema that this command uses, so editors apply other rules."
                " Run: mlflow-gitops init --update"
            )
            problems.append(Problem(path, 1, 1, "schema-copy-differs", message, "warning"))
    return problems
