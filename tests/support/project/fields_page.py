"""Makes registry/policy.md from the schemas: `python -m tests.support.project.fields_page`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml

from mlflow_gitops.core.yaml.field_places import SchemaField, fields_of
from mlflow_gitops.shared import shared_path

PAGE = Path(__file__).parents[3] / "registry" / "policy.md"

HEAD = """\
<!-- Made from schemas/ by `python -m tests.support.project.fields_page`; a test compares. -->
# The fields

Every field of the [policy](#policyyaml), of a [manifest](#a-manifest-modelsnameyaml), of the
[list of environments](#environmentsyaml) and of [notifications](#notifyyaml).
[README.md](README.md) shows how they work together, [codes.md](codes.md) what the errors mean. A
field that is not listed is refused (`unknown-field`), and so is a value that the second column does
not name (`wrong-type`, `bad-value`). Fields in **bold** are required. Words in capitals stand for
names that you choose.
"""
FILES = {
    "policy": "policy.yaml",
    "model": "A manifest: models/NAME.yaml",
    "environments": "environments.yaml",
    "notify": "notify.yaml",
}
KINDS = {
    "integer": "a whole number", "number": "a number", "string": "text",
    "boolean": "`true` or `false`", "array": "a list", "object": "a mapping", "null": "`null`",
}  # fmt: skip

CODES = {
    "policy accounts": ["account-clash"],
    "policy stages.STAGE.alias": ["alias-clash", "alias-reserved", "stage-needs-alias"],
    "policy stages.STAGE.native": ["stage-not-native"],
    "policy stages.STAGE.from": ["stage-unknown"],
    "policy stages.STAGE.soak": ["soak-needs-from"],
    "policy stages.STAGE": ["stage-clash"],
    "policy stages.STAGE.require.no_worse_than.stage": ["stage-unknown"],
    "policy overrides": ["gate-unknown"],
    "policy propose": ["stage-unknown"],
    "policy aliases.only": ["stage-unknown"],
    "policy aliases.ALIAS": ["alias-clash", "alias-reserved"],
    "policy aliases.ALIAS.as": ["stage-unknown"],
    "model name": ["name-refused", "file-name", "duplicate-model", "case-clash"],
    "model formerly": ["former-name"],
    "model tags": ["tag-clash", "tag-reserved"],
    "model stages.STAGE": ["stage-unknown", "stage-one-version", "version-twice"],
    "model aliases.ALIAS": ["alias-clash", "alias-reserved", "alias-not-allowed"],
    "model versions.VERSION.source": ["source-credentials"],
    "model versions.VERSION.tags": ["tag-clash", "tag-reserved"],
    "environments NAME.folder": ["folder-taken"],
    "environments NAME.tracking_uri": ["credentials", "same-registry"],
    "notify channels.CHANNEL": ["channel-address"],
    "notify channels.CHANNEL.address": ["credentials"],
    "notify rules[].to": ["channel-unknown"],
    "notify rules[].environments": ["environment-unknown"],
}  # fmt: skip
"""What is refused beyond the schema, by file and field."""


def schemas() -> dict[str, Any]:
    folder = shared_path("schemas")
    return {
        name: json.loads((folder / f"{name}.schema.json").read_text(encoding="utf-8"))
        for name in FILES
    }


def page() -> str:
    return "\n".join([HEAD, *(line for name in FILES for line in _file(name, schemas()[name]))])


def listed(schema: Mapping[str, Any]) -> list[SchemaField]:
    """The fields, without the stages' in exceptions, which are those of the stages above."""
    return [
        field for field in fields_of(schema) if not field.path.startswith("models[].stages.STAGE.")
    ]


def _file(name: str, schema: Mapping[str, Any]) -> Iterator[str]:
    yield f"## {FILES[name]}\n"
    yield f"{schema['description']}\n"
    yield "```yaml"
    yield yaml.safe_dump(schema["examples"][0], sort_keys=False, default_flow_style=None).rstrip()
    yield "```\n"
    in_order = sorted(listed(schema), key=lambda field: field.parent)
    for place, fields in groupby(in_order, lambda field: field.parent):
        yield f"### `{place}`\n" if place else "### At the top\n"
        yield "| field | takes | meaning | example |\n| --- | --- | --- | --- |"
        yield from (_row(name, field) for field in fields)
        yield ""


def _row(file: str, field: SchemaField) -> str:
    name = f"**`{field.name}`**" if field.is_required else f"`{field.name}`"
    meaning = field.schema["description"]
    if field.path == "models[].stages.STAGE":
        meaning += " The same fields as in `stages.STAGE`, and `null`."
    if codes := CODES.get(f"{file} {field.path}"):
        meaning += " Refused: " + ", ".join(f"[`{code}`](codes.md#{code})" for code in codes) + "."
    example = _flow(field.schema["examples"][0])
    cells = [name, _kinds(field.schema), meaning, f"`{field.name}: {example}`"]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _flow(value: object) -> str:
    """A value in one line of YAML."""
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")


def _kinds(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return " or ".join(f"`{_flow(value)}`" for value in schema["enum"])
    kinds = schema.get("type", "anything")
    kinds = [kinds] if isinstance(kinds, str) else kinds
    words = " or ".join(KINDS.get(kind, kind) for kind in kinds)
    return "; ".join([words, *_bounds(schema)])


def _bounds(schema: Mapping[str, Any]) -> Iterator[str]:
    if "patternErrorMessage" in schema:
        yield str(schema["patternErrorMessage"])
    if "minimum" in schema and "maximum" in schema:
        yield f"from {schema['minimum']} to {schema['maximum']}"
    elif "minimum" in schema:
        yield f"{schema['minimum']} or more"
    if "maxLength" in schema:
        yield f"at most {schema['maxLength']} characters"
    if "maxItems" in schema:
        yield f"at most {schema['maxItems']} items"
    if schema.get("uniqueItems"):
        yield "each once"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
