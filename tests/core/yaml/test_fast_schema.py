"""The quick yes to a schema is the jsonschema library's yes, no more and no less."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlflow_gitops.core.yaml import schema_check
from mlflow_gitops.core.yaml.document import parse
from mlflow_gitops.core.yaml.fast_schema import UnsupportedSchema, compile_schema

EXAMPLES = int(os.environ.get("MLFLOW_GITOPS_TEST_EXAMPLES", "40"))
REPOSITORY = Path(__file__).parents[3]
ODD: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 12, 2**31, 1.0, 12.5, float("inf"), float("nan"), "", "x", "a/b",
    "0x", "é" * 70, "@a",
    "24h", [], [1], [1, 1], [1, "1"], [True, 1], ["a", "a"], {}, {"a": 1}, {"1": {}}, {"": None},
    {"min": 1}, "x" * 6000,
)  # fmt: skip


def samples(name: str) -> Iterator[Any]:
    files = (
        *(REPOSITORY / "tests/core/examples").rglob("*.yaml"),
        *(REPOSITORY / "registry").rglob("*.yaml"),
    )
    for file in files:
        root = parse(file.read_bytes(), file.name).root
        if isinstance(root, dict) and ("name" in root) == (name == "model"):
            yield json.loads(json.dumps(root))
    yield from json.loads(schema_check.schema_text(name)).get("examples", ())


def changed(rng: random.Random, value: Any, keys: list[str]) -> Any:
    """The value with one thing in it made something else."""
    if isinstance(value, dict) and value and rng.random() < 0.8:
        key = rng.choice(sorted(value))
        match rng.randrange(5):
            case 0:
                return {k: v for k, v in value.items() if k != key}
            case 1:
                return value | {rng.choice(keys): rng.choice(ODD)}
            case _:
                return value | {key: changed(rng, value[key], keys)}
    if isinstance(value, list) and value and rng.random() < 0.8:
        place = rng.randrange(len(value))
        return [
            *value[:place],
            changed(rng, value[place], keys),
            *value[place + 1 :],
            *rng.sample(value, 1),
        ]
    return rng.choice((*ODD, [value], {"a": value}))


def words(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from node
        for below in node.values():
            yield from words(below)
    elif isinstance(node, list):
        for below in node:
            yield from words(below)


@pytest.mark.parametrize("name", ["model", "policy"])
def test_both_say_the_same(name: str) -> None:
    quick, slow = schema_check._fast_check(name), schema_check._validator(name)
    known = list(samples(name))
    keys = sorted(
        {word for one in known for word in words(one)} | {"", "models", "12", "012", "None", "a:b"}
    )
    rng = random.Random(name)
    answers = []
    for _ in range(EXAMPLES * 8):
        value = rng.choice(known)
        for _ in range(rng.choice((0, 1, 1, 1, 2, 3))):
            value = changed(rng, value, keys)
        answers.append(quick(value))
        assert answers[-1] == slow.is_valid(value), value
    assert 0.1 < sum(answers) / len(answers) < 0.9, "both answers must be met"


@pytest.mark.parametrize("name", ["model", "policy"])
def test_the_shipped_schemas_have_a_quick_yes(name: str) -> None:
    assert any(schema_check._fast_check(name)(one) for one in samples(name))


def test_what_is_not_translated_is_left_to_the_library() -> None:
    for odd in ({"oneOf": []}, {"properties": {"a": {"not": {}}}}, {"$ref": "https://elsewhere"}):
        with pytest.raises(UnsupportedSchema):
            compile_schema(odd)


def test_a_definition_that_leads_back_to_itself() -> None:
    tree = {
        "$ref": "#/$defs/t",
        "$defs": {"t": {"type": "object", "additionalProperties": {"$ref": "#/$defs/t"}}},
    }
    assert compile_schema(tree)({"a": {"b": {}}}) and not compile_schema(tree)({"a": {"b": 1}})
