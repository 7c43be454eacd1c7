"""Answers of the GitHub of the tests with less in them: kept first, and made bare then."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from mlflow_gitops.edges import github
from tests.support.description.bare import Bareness, bare_fields, null_fields
from tests.support.description.operations import Description
from tests.support.github_api import GitHubAPI

Operation = tuple[str, str]
"""A method, and a path as the description writes it."""


@cache
def _names_in_code() -> frozenset[str]:
    """Every word of the code that reads GitHub's answers. What it does not name, it does not
    read."""
    folder = Path(github.__file__).parent
    texts = (file.read_text(encoding="utf-8") for file in folder.rglob("*.py"))
    return frozenset(word for text in texts for word in re.findall(r"\w+", text))


class Answers:
    """The answers of a server, by operation: without a description, by path."""

    def __init__(self, api: GitHubAPI, description: Description | None = None) -> None:
        self._description = description
        self._kept: dict[Operation, Any] = {}
        self._api = api
        api.alter = self._keep

    def _operation(self, method: str, target: str) -> Operation:
        path = target.partition("?")[0]
        template = self._description.template(method, path) if self._description else None
        return method, template or path

    def _keep(self, method: str, target: str, status: int, answer: Any) -> Any:
        if status in (200, 201):
            self._kept[self._operation(method, target)] = answer
        return answer

    def bare(self) -> Iterator[tuple[Operation, Bareness]]:
        """All that may be missing, null or empty by the description."""
        assert self._description is not None
        for (method, template), answer in self._kept.items():
            schema = self._description.answer_schema(method, template, 200)
            if schema is not None:
                for field in bare_fields(self._description.schemas, schema, answer):
                    yield (method, template), field

    def nulls(self) -> Iterator[tuple[Operation, Bareness]]:
        """Each field of each answer whose name the product's code has, null: more than any
        description allows."""
        for operation, answer in self._kept.items():
            for field in null_fields(answer):
                if field.place[-1] in _names_in_code():
                    yield operation, field

    def whole(self) -> None:
        """Answer as usual again."""
        self._api.alter = None

    def make_bare(self, operation: Operation, field: Bareness) -> None:
        def alter(method: str, target: str, status: int, answer: Any) -> Any:
            is_meant = status in (200, 201) and self._operation(method, target) == operation
            return field.applied(answer) if is_meant else answer

        self._api.alter = alter
