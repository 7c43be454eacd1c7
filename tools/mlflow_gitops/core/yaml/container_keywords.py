"""The schema keywords of lists and mappings, quicker than the jsonschema library has them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator, ValidationError

from mlflow_gitops.core.yaml.fast_schema import SchemaCheck, UnsupportedSchema, compile_schema

Errors = Iterator[ValidationError]


class ContainerKeywords:
    """The keywords of lists and mappings.

    The library takes 20 µs to find one item right, so that only wrong items are passed to it.
    """

    def __init__(self, definitions: dict[str, Any]) -> None:
        self._definitions = definitions

    def items(self, validator: Any, argument: Any, instance: object, _: object) -> Errors:
        if isinstance(instance, list):
            is_valid = self._check(argument)
            for index, item in enumerate(instance):
                if not is_valid(item):
                    yield from validator.descend(item, argument, path=index)

    def property_names(self, validator: Any, argument: Any, instance: object, _: object) -> Errors:
        if isinstance(instance, dict):
            for key in itertools.filterfalse(self._check(argument), instance):
                yield from validator.descend(key, argument)

    def additional_properties(
        self, validator: Any, argument: Any, instance: object, schema: Any
    ) -> Errors:
        if not (isinstance(argument, dict) and isinstance(instance, dict)):
            library = Draft202012Validator.VALIDATORS["additionalProperties"]
            yield from library(validator, argument, instance, schema)
            return

        properties, is_valid = schema.get("properties", ()), self._check(argument)
        for key, value in instance.items():
            if key not in properties and not is_valid(value):
                yield from validator.descend(value, argument, path=key)

    def _check(self, part: Any) -> SchemaCheck:
        """The compiled schema of a part, or a check that is never sure if it cannot be compiled."""
        try:
            if isinstance(part, dict):
                return compile_schema({**part, "$defs": self._definitions})
        except UnsupportedSchema:
            pass
        return lambda value: False
