"""How `rights` shows what differs."""

from __future__ import annotations

import json
from types import SimpleNamespace

from jsonschema import Draft202012Validator

from mlflow_gitops.core.setup.rights.difference import OtherAccount, RightsChange, RightsPlan
from mlflow_gitops.core.setup.rights.server_rights import Grant, Resource
from mlflow_gitops.render.setup import rights
from mlflow_gitops.render.setup.rights import RightsOutput
from mlflow_gitops.shared import shared_path

FRAUD = Resource("registered_model", "fraud")
VERSIONS = Resource("registered_model_version", "*")
GRANTED = RightsChange("robot", "reconciler", FRAUD, "EDIT", "MANAGE", "removes aliases")
REMOVED = RightsChange("robot", "reconciler", VERSIONS, "READ", None, "in the way")
PLAN = RightsPlan(
    "http://mlflow.example",
    "3.17.2",
    (GRANTED, REMOVED),
    3,
    ("nobody",),
    (OtherAccount("alice|x", Grant(FRAUD, "EDIT", "owners")), OtherAccount("admin", None)),
    ("A notice.",),
)
FAILED = RightsOutput(PLAN, True, (SimpleNamespace(change=REMOVED, reason="refused"),))


def test_text() -> None:
    shown = "\n".join(rights.text(RightsOutput(PLAN)))
    assert "EDIT → MANAGE" in shown and "READ → none" in shown and "by the role owners" in shown
    assert "nobody: no such account" in shown and "2 rights to change, 3 rights already" in shown
    failed = "\n".join(rights.text(FAILED))
    assert "refused" in failed and "1 right changed, 1 failed" in failed


def test_markdown_has_a_row_for_each() -> None:
    shown = "\n".join(rights.markdown(RightsOutput(PLAN)))
    assert "| `robot` | reconciler | `fraud` | EDIT → MANAGE | removes aliases |" in shown
    assert "`alice\\|x`" in shown and "- A notice." in shown


def test_json_fits_its_schema() -> None:
    text = (shared_path("schemas") / "output.schema.json").read_text(encoding="utf-8")
    schema = {"$ref": "#/$defs/rights", "$defs": json.loads(text)["$defs"]}
    document = json.loads("\n".join(rights.json(FAILED)))
    assert [error.message for error in Draft202012Validator(schema).iter_errors(document)] == []
    assert [change["error"] for change in document["changes"]] == [None, "refused"]
