"""The operations of GitHub's OpenAPI description: a request and its answer are held against the one
that they are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.support.description.schemas import Schemas

_METHODS = ("get", "post", "put", "patch", "delete")
_JSON = "application/json"
_GRAPHQL = "/graphql"
_BY_ID = re.compile(r"^/repositories/\d+")
_ERROR = "requires_authentication"
"""The answer that an operation does not list: any may be redirected, or fail with 401 or 500."""
_WORDS = {"true": True, "false": False}


@dataclass(frozen=True)
class Exchange:
    """A request and its answer. `target` is the path and query; `answer` is JSON or None."""

    method: str
    target: str
    body: Any
    status: int
    answer: Any


class Description:
    """GitHub's description of its REST API, in JSON."""

    def __init__(self, text: str) -> None:
        self.schemas = Schemas(text)

    def violations(self, exchange: Exchange, *, answered: bool = True) -> Iterator[str]:
        """In what an exchange is not as described; without its answer if not `answered`."""
        parts = urlsplit(exchange.target)
        if parts.path == _GRAPHQL:  # it has a schema of its own
            return
        template = self.template(exchange.method, parts.path)
        called = f"{exchange.method} {template or parts.path}"
        if template is None:
            yield f"{called}: unknown"
            return
        operation = self._paths[template][exchange.method.lower()]
        found = [
            *self._query(operation, parts.query),
            *self._body(operation, exchange.body, exchange.status),
        ]
        if answered and not isinstance(exchange.answer, bytes):
            found += self._answer(operation, exchange.status, exchange.answer)
        yield from (f"{called}{violation}" for violation in found)

    def template(self, method: str, path: str) -> str | None:
        """The path of an operation, as the description has it. Redirects lead to a repository by
        its id."""
        path = _BY_ID.sub("/repos/owner/repo", path)
        for template, pattern in self._templates:
            if method.lower() in self._paths[template] and pattern.fullmatch(path):
                return template
        return None

    def answer_schema(self, method: str, template: str, status: int) -> Any:
        """The schema of an answer in JSON; None if there is none."""
        responses = self._paths[template][method.lower()]["responses"]
        response = self.schemas.resolved(responses.get(str(status)))
        return ((response or {}).get("content") or {}).get(_JSON, {}).get("schema")

    @property
    def _paths(self) -> Mapping[str, Any]:
        paths: Mapping[str, Any] = self.schemas.document["paths"]
        return paths

    @cached_property
    def _templates(self) -> list[tuple[str, re.Pattern[str]]]:
        """All paths; of two that fit, the one with the fewer parameters is first."""
        ordered = sorted(self._paths, key=lambda path: (path.count("{"), -len(path)))
        return [(path, self._pattern(path)) for path in ordered]

    def _pattern(self, template: str) -> re.Pattern[str]:
        long = {
            parameter["name"]
            for method in _METHODS
            for parameter in self._parameters(self._paths[template].get(method, {}))
            if parameter.get("x-multi-segment")
        }
        parts = re.split(r"\{([\w-]+)\}", template)
        texts = [
            re.escape(part) if not number % 2 else (".+" if part in long else "[^/]+")
            for number, part in enumerate(parts)
        ]
        return re.compile("".join(texts))

    def _parameters(self, operation: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        return [self.schemas.resolved(each) for each in operation.get("parameters", ())]

    def _query(self, operation: Mapping[str, Any], query: str) -> Iterator[str]:
        known = {
            each["name"]: each for each in self._parameters(operation) if each["in"] == "query"
        }
        given = dict(parse_qsl(query, keep_blank_values=True))
        for name, text in given.items():
            if name not in known:
                yield f" ?{name}: unknown"
                continue
            schema = known[name]["schema"]
            # A search for `created` takes a range, too, which the description calls a date.
            schema = {key: entry for key, entry in schema.items() if key != "format"}
            value = _value(text, self.schemas.resolved(schema).get("type"))
            yield from (f" ?{name}{error}" for error in self.schemas.errors(schema, value))
        for name in known.keys() - given.keys():
            if known[name].get("required"):
                yield f" ?{name}: missing"

    def _body(self, operation: Mapping[str, Any], body: Any, status: int) -> Iterator[str]:
        described = self.schemas.resolved(operation.get("requestBody"))
        if not described:
            if body:
                yield " body: unknown"
            return
        if status == 422:
            return  # the answer to a body that is wrong
        if not body and not described.get("required"):
            return
        schema = described["content"][_JSON]["schema"]
        yield from (f" body{error}" for error in self.schemas.errors(schema, body))

    def _answer(self, operation: Mapping[str, Any], status: int, answer: Any) -> Iterator[str]:
        response = self.schemas.resolved(operation["responses"].get(str(status)))
        if response is None and status < 300:
            yield f" {status}: unknown"
            return
        if response is None:
            response = self.schemas.document["components"]["responses"][_ERROR]
        schema = (response.get("content") or {}).get(_JSON, {}).get("schema")
        if schema is None:
            if answer is not None:
                yield f" {status}: has no content"
            return
        yield from (f" {status}{error}" for error in self.schemas.errors(schema, answer))


def _value(text: str, kind: str | None) -> Any:
    """The value of a parameter in a query."""
    if kind == "integer" and re.fullmatch(r"-?\d+", text):
        return int(text)
    if kind == "boolean":
        return _WORDS.get(text, text)
    return unquote(text) if kind != "array" else text.split(",")
