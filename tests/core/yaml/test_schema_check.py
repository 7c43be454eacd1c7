"""The schemas: one source for the command and for editors, so every field explains itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from mlflow_gitops.core.yaml import schema_check
from mlflow_gitops.core.yaml.document import parse

EXAMPLES = Path(__file__).parents[1] / "examples" / "good"
WHOLE = {
    "model": EXAMPLES / "models" / "everything.yaml",
    "policy": EXAMPLES / "policies" / "everything.yaml",
    "environments": EXAMPLES.parent / "environments.yaml",
    "notify": EXAMPLES.parent / "notify.yaml",
}
NAMES = tuple(WHOLE)
PROMPT = EXAMPLES / "models" / "prompt.yaml"
"""What only a manifest of a prompt says."""
EXAMPLE_OF = [*WHOLE.items(), ("model", PROMPT)]

Node = dict[str, Any]


def load(name: str) -> Node:
    loaded: Node = json.loads(schema_check.schema_text(name))
    return loaded


def fields(node: Node, path: str = "") -> Iterator[tuple[str, Node]]:
    """Every schema of a value in a schema: properties, items and values by any key."""
    for key, below in node.get("properties", {}).items():
        yield from ((f"{path}.{key}", below), *fields(below, f"{path}.{key}"))
    for key, below in node.get("$defs", {}).items():
        yield from ((f"{path}#{key}", below), *fields(below, f"{path}#{key}"))
    for key in ("additionalProperties", "items"):
        if isinstance(below := node.get(key), dict):
            yield from ((f"{path}.*", below), *fields(below, f"{path}.*"))


@pytest.mark.parametrize("name", NAMES)
def test_the_metaschema_is_met(name: str) -> None:
    whole = load(name)
    assert whole["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert whole["$id"].endswith(f"/{name}.schema.json")
    Draft202012Validator.check_schema(whole)


@pytest.mark.parametrize("name", NAMES)
def test_every_field_has_a_description_and_an_example_that_is_right(name: str) -> None:
    whole = load(name)
    for path, field in [("", whole), *fields(whole)]:
        target = whole
        for step in field.get("$ref", "#")[2:].split("/"):
            target = target[step] if step else target
        described = field if "$ref" not in field else {**target, **field}
        assert described.get("description", "").endswith((".", "…")), (
            f"{path} does not say what it is"
        )
        assert described.get("examples"), f"{path} shows no example"
        judge = Draft202012Validator({**field, "$defs": whole.get("$defs", {})})
        for example in described["examples"]:
            assert judge.is_valid(example), f"{path}: the example {example} is wrong"


@pytest.mark.parametrize("name", NAMES)
def test_nothing_unknown_is_let_through(name: str) -> None:
    whole = load(name)
    for path, field in [("", whole), *fields(whole)]:
        if "properties" in field:
            # Where a team may choose names, those that editors offer are judged as any other.
            others = field.get("additionalProperties")
            known = {below.get("$ref") for below in field["properties"].values()}
            assert others is False or (
                others.keys() == {"$ref"}
                and ({others["$ref"]} == known or "propertyNames" in field)
            ), path


DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def places(
    value: object, path: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], object]]:
    yield path, value
    for key, below in (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    ):
        yield from places(below, (*path, key))


def put(value: Any, path: tuple[str | int, ...], new: object) -> Any:
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = put(value[path[0]], path[1:], new)
    return copy


@pytest.mark.parametrize(("name", "file"), EXAMPLE_OF, ids=[file.stem for _, file in EXAMPLE_OF])
@pytest.mark.parametrize("wrong", [[["x"]], {"x y": {}}, "\tno", -1, 1.5, True])
def test_a_wrong_value_anywhere_is_told_at_its_place(name: str, file: Path, wrong: object) -> None:
    """The verdict is the plain schema's own, stricter only where the command says so; the place is
    the value's. Beside the field that has the value, the document has only what it requires."""
    document = parse(file.read_bytes(), "x.yaml")
    assert document.problems == []
    whole = json.loads(json.dumps(document.root))
    schema = load(name)
    plain = Draft202012Validator(schema)
    tried = told = 0
    for path, _ in places(whole):
        kept = {*path[:1], *schema.get("required", ())}
        beside = {key: value for key, value in whole.items() if key in kept} if path else whole
        if len(path) < 2:
            assert plain.is_valid(beside)
        changed = put(beside, path, wrong)
        text = yaml.dump(changed, Dumper=DUMPER, sort_keys=False, allow_unicode=True, width=1000)
        found = parse(text.encode(), "x.yaml")
        schema_check.check(found, name)
        tried += 1
        told += bool(found.problems)
        assert bool(found.problems) == (not plain.is_valid(changed)), (
            path,
            [p.message for p in found.problems],
        )
        start = found.position(found.offset(path))
        # A field of a name that is not known, whose value would be right for no name, is shown.
        places_told = [(p.line + (p.code == "unknown-field"), p.column) for p in found.problems]
        assert all(place >= start for place in places_told), (path, found.problems)
    assert told > tried / 2


@pytest.mark.parametrize("name", NAMES)
def test_the_whole_examples_have_every_field(name: str) -> None:
    """Fields in the order a reader meets them: what the examples lack, the tests above would not
    see."""
    whole = load(name)
    roots = [
        yaml.safe_load(file.read_text(encoding="utf-8")) for of, file in EXAMPLE_OF if of == name
    ]
    used = {step for path, _ in places(roots) for step in path if isinstance(step, str)}
    declared = {
        path.rsplit(".", 1)[-1]
        for path, _ in fields(whole)
        if "." in path and not path.endswith("*")
    }
    assert declared <= used, f"tests/core/examples/good lacks {sorted(declared - used)}"
