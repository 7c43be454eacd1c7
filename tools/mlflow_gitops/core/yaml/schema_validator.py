"""The jsonschema library's validator, with the rules of manifests that JSON Schema does not have.

Import this only for an invalid file: loading jsonschema takes longer than checking valid files.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator, ValidationError, validators

from mlflow_gitops.core.yaml.container_keywords import ContainerKeywords
from mlflow_gitops.core.yaml.fast_schema import json_identity

Errors = Iterator[ValidationError]


def make_validator(schema: dict[str, Any]) -> Any:
    """Return a validator of the schema, with the `iter_errors` and `is_valid` of jsonschema's."""
    containers = ContainerKeywords(schema.get("$defs", {}))
    keywords = {
        "pattern": _pattern,
        "uniqueItems": _unique,
        "items": containers.items,
        "propertyNames": containers.property_names,
        "additionalProperties": containers.additional_properties,
    }
    types = {"integer": _is_integer, "number": _is_number}
    type_checker = Draft202012Validator.TYPE_CHECKER.redefine_many(types)
    extend: Any = validators.extend
    return extend(Draft202012Validator, keywords, type_checker=type_checker)(schema)


def _is_integer(_: object, instance: object) -> bool:
    # JSON Schema counts 12.0 as an integer; a version must be written 12.
    return isinstance(instance, int) and not isinstance(instance, bool)


def _is_number(_: object, instance: object) -> bool:
    # JSON has no .nan, which would be neither under a minimum nor over a maximum.
    is_number = isinstance(instance, (int, float)) and not isinstance(instance, bool)
    return is_number and math.isfinite(instance)  # type: ignore[arg-type]


def _pattern(_: object, expression: str, instance: object, __: object) -> Errors:
    # Python's `$` also matches before a final line break; JSON Schema's does not.
    expression = re.sub(r"\$\Z", r"\\Z", expression)
    if isinstance(instance, str) and not re.search(expression, instance):
        yield ValidationError("pattern")


def _unique(_: object, must_be_unique: bool, instance: object, __: object) -> Errors:
    # The library compares each item with each other one if they are of several types.
    if not must_be_unique or not isinstance(instance, list):
        return
    if len(set(map(json_identity, instance))) < len(instance):
        yield ValidationError("unique")
