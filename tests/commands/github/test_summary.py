"""`github summary`: what a reconcile did, for the workflow and its reader (RULES R9)."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.github.hub import Hub


def test_a_reconcile_is_told_to_the_workflow(hub: Hub, tmp_path: Path) -> None:
    hub.team.commit("Stage", churn="name: churn\nstages: {Production: 1, Staging: 2}\n")
    hub.push("main")
    (tmp_path / "done.json").write_text(hub.reconcile().out)
    assert hub.team.run("github", "summary", str(tmp_path / "done.json")).code == 0
    name, _, value = (tmp_path / "OUTPUT").read_text().strip().partition("=")
    assert name == "changed" and json.loads(value) == [
        {"model": "churn", "stage": "Staging", "version": 2}
    ]
    assert "✅ `churn` applied: `Staging` 2" in (tmp_path / "STEP_SUMMARY").read_text()


def test_what_a_reconcile_changed_is_split_and_hostile_text_is_inert(
    hub: Hub, tmp_path: Path
) -> None:
    changed = [{"model": f"m{i}", "stage": "Production", "version": 1} for i in range(450)]
    evil = "x\n@everyone <img src=x> [a](b) ::error::x"
    refusal = {"code": "gate", "detail": evil, "way_out": "`" + evil}
    done = {
        "commit": "a" * 40,
        "models": [{"model": evil, "result": "refused", "refusals": [refusal], "error": None}],
        "changed": changed,
        "refusals": [],
        "summary": {"models": 1, "changes": 450},
    }
    (tmp_path / "done.json").write_text(json.dumps(done))
    assert hub.team.run("github", "summary", str(tmp_path / "done.json")).code == 0
    outputs = dict(line.split("=", 1) for line in (tmp_path / "OUTPUT").read_text().splitlines())
    assert {name: len(json.loads(value)) for name, value in outputs.items()} == {
        "changed": 200, "changed-2": 200, "changed-3": 50
    }  # fmt: skip
    page = (tmp_path / "STEP_SUMMARY").read_text()
    assert "\n@everyone" not in page and "`x\\n@everyone <img src=x> [a](b) ::error::x`" in page
    (tmp_path / "OUTPUT").unlink()
    (tmp_path / "done.json").write_text(json.dumps({**done, "changed": []}))
    hub.team.run("github", "summary", str(tmp_path / "done.json"))
    assert not (tmp_path / "OUTPUT").exists()
    for bad in ("[]", "{}", "no json"):
        (tmp_path / "done.json").write_text(bad)
        ran = hub.team.run("github", "summary", str(tmp_path / "done.json"))
        assert ran.code == 1 and "is not what reconcile --format json prints" in ran.err
