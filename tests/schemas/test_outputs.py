"""What `--format json` prints fits `schemas/output.schema.json`, command by command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from mlflow_gitops.core.health.verdict import HealthCheck, HealthVerdict
from mlflow_gitops.render import formats
from mlflow_gitops.render.formats import Formats
from mlflow_gitops.render.health.verdicts import HealthOutput
from mlflow_gitops.shared import shared_path
from tests.support.acme import Acme
from tests.support.attacks.signers import Signer
from tests.support.team import Team

SCHEMA = json.loads((shared_path("schemas") / "output.schema.json").read_text(encoding="utf-8"))


def closed(node: Any) -> Any:
    """The schema without room for fields that it does not name. Users may not rely on that: more
    fields may come."""
    if isinstance(node, list):
        return [closed(item) for item in node]
    if not isinstance(node, dict):
        return node
    more = {"additionalProperties": False} if isinstance(node.get("properties"), dict) else {}
    return more | {key: closed(value) for key, value in node.items()}


CLOSED = closed(SCHEMA["$defs"])


def faults(definition: str, document: Any) -> list[str]:
    schema = {"$ref": f"#/$defs/{definition}", "$defs": CLOSED}
    errors = Draft202012Validator(schema).iter_errors(document)
    return [f"{error.json_path}: {error.message}" for error in errors]


def test_every_command_with_json_has_a_definition() -> None:
    tables = {name: value for name, value in vars(formats).items() if isinstance(value, Formats)}
    named = {name.lower() for name, table in tables.items() if "json" in table.names}
    assert named | {"error"} <= SCHEMA["$defs"].keys()
    Draft202012Validator.check_schema(SCHEMA)


def test_every_field_is_described() -> None:
    def undescribed(node: Any, place: str) -> list[str]:
        if isinstance(node, list):
            return [fault for item in node for fault in undescribed(item, place)]
        if not isinstance(node, dict):
            return []
        fields = node.get("properties", {})
        lacking = [
            f"{place}.{name}"
            for name, field in fields.items()
            if "description" not in field and "$ref" not in field
        ]
        return lacking + [
            fault for key, value in node.items() for fault in undescribed(value, f"{place}.{key}")
        ]

    assert undescribed(SCHEMA, "") == []


def test_every_object_says_what_is_in_it() -> None:
    """Its fields, or what all of its values are; and every list, what its entries are."""

    def open_places(node: Any, place: str) -> list[str]:
        if isinstance(node, list):
            return [fault for item in node for fault in open_places(item, place)]
        if not isinstance(node, dict):
            return []
        kinds = node.get("type", [])
        is_open = "object" in kinds and not {"properties", "additionalProperties"} & node.keys()
        is_open |= kinds == "array" and "items" not in node
        return [place] * is_open + [
            fault for key, value in node.items() for fault in open_places(value, f"{place}.{key}")
        ]

    assert open_places(SCHEMA["$defs"], "") == []


AT = "2026-03-10T12:00:00Z"
EDITED = "promote fraud-detector 14 Production --dry-run --no-pin"
COMMANDS = {
    "validate": ["validate"],
    "plan": ["plan", "plan --rev candidate --onto main"],
    "status": ["status"],
    "compare": ["compare fraud-detector 12 13"],
    "log": ["log", "log fraud-detector -n 1"],
    "show": ["show", "show fraud-detector", "show fraud-detector --at 2000-01-01"],
    "verify": ["verify"],
    "resolve": ["resolve fraud-detector Production"],
    "explain": ["explain", "explain pin"],
    "sign": ["sign fraud-detector 12 --key {key}"],
    "downloaded": ["check fraud-detector 12 --to {out}.d"],
    "reproduce": ["reproduce fraud-detector 12"],
    "bom": ["bom fraud-detector 12 --out {out}"],
    "export": ["export fraud-detector --out {out}"],
    "edit": [EDITED, "rename churn leavers --dry-run"],
    "codeowners": ["codeowners --dry-run"],
    "import": ["import --dry-run"],
    "init": ["init --yes --dry-run"],
    "doctor": ["doctor"],
    "reconcile": ["reconcile --yes", "reconcile --yes --on-change cat"],
}


def test_what_the_commands_print(acme: Acme) -> None:
    key = Signer(acme.folder, "models").key
    for definition, lines in COMMANDS.items():
        for line in lines:
            words = line.format(out=acme.folder / "evidence.tar", key=key).split()
            ran = acme.team.run(*words, "--format", "json")
            document = json.loads(ran.out)
            assert faults(definition, document) == [], line
            first = document[0] if isinstance(document, list) else document
            assert first["schema"] == 1, line


def test_health_is_a_document() -> None:
    check = HealthCheck("errors", "prometheus", "up", "≤ 1", "unknown", "there is no data")
    verdict = HealthVerdict(
        "m", "Production", 3, "unknown", "errors: there is no data", AT, AT, AT, (check,)
    )
    lines = formats.HEALTH.renderer("json")(HealthOutput(AT, (verdict,)))
    assert faults("health", json.loads("\n".join(lines))) == []


@pytest.mark.parametrize(
    ("line", "exit_code", "code"),
    [
        ("log nobody --format json", 1, "error"),
        ("show --at side --format=json", 1, "git"),
        ("log -n none --format jsonl", 64, "usage"),
        ("plan --nonsense --format json", 64, "usage"),
        ("promote a 9 Nowhere --format json", 1, "error"),
        ("status --format json", 1, "mlflow"),
    ],
)
def test_errors_are_documents_too(tmp_path: Path, line: str, exit_code: int, code: str) -> None:
    team = Team(tmp_path / "repo", f"sqlite:///{tmp_path}/none.db")
    team.commit("One", a="stages: {}\n")
    ran = team.run(*line.split())
    assert ran.code == exit_code and ran.err, ran
    assert faults("error", ran.json) == [] and ran.json["error"]["code"] == code
    assert ran.json["error"]["message"] in " ".join(ran.err.split())


def test_invalid_files_are_one_document(tmp_path: Path) -> None:
    team = Team(tmp_path / "repo", f"sqlite:///{tmp_path}/none.db")
    team.commit("One", a="stages: {Nowhere: 1}\n")
    ran = team.run("promote", "a", "1", "Staging", "--format", "json")
    assert ran.code == 3 and faults("validate", ran.json) == []
