"""A renamed model: its history, gates and rollbacks go on, and MLflow is renamed with it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.registries.lane import LaneRegistry
from tests.support.team import Team

POLICY = """\
stages:
  Staging: {}
  Production: {from: [Staging]}
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model `risk` of three versions: 1, then 2 went through Staging to Production."""
    folder = tmp_path_factory.mktemp("made")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    shelf = LaneRegistry(uri)
    shelf.client.create_registered_model("risk")
    for number in (1, 2, 3):
        shelf.client.create_model_version("risk", f"s3://models/{number}", await_creation_for=0)
    team = Team(folder / "repo", uri)
    team.write("policy.yaml", POLICY)
    text = "owners: ['@acme/risk']\nstages: {{Production: {}, Staging: {}}} # c\n"
    for production, staging in (("[]", 1), (1, 2), (2, 3)):
        team.commit(f"Staging {staging}", risk=text.format(production, staging))
        team.reconcile()
    team.run("codeowners")
    team.commit("Owners")
    return folder


@pytest.fixture
def team(template: Path, tmp_path: Path) -> Team:
    shutil.copytree(template, tmp_path, dirs_exist_ok=True)
    return Team(tmp_path / "repo", f"sqlite:///{tmp_path / 'mlflow.db'}")


def renamed(team: Team) -> str:
    ran = team.run("rename", "risk", "fraud", "--format", "json")
    assert ran.code == 0 and ran.json["mlflow"] == "to_do", ran
    return team.commit("Rename risk to fraud")


def test_the_manifest_and_codeowners_move(team: Team) -> None:
    dry = team.run("rename", "risk", "fraud", "--dry-run")
    assert "+name: fraud" in dry.out and team.git("status", "--porcelain") == ""
    ran = team.run("rename", "risk", "fraud")
    assert ran.code == 0 and "mlflow-gitops rename risk fraud --apply" in ran.err
    file = team.folder / "registry/models/fraud.yaml"
    assert file.read_text() == (
        "name: fraud\nformerly: [risk]\nowners: ['@acme/risk']\n"
        "stages: {Production: 2, Staging: 3} # c\n"
    )
    assert not (team.folder / "registry/models/risk.yaml").exists()
    owners = (team.folder / ".github/CODEOWNERS").read_text()
    assert "models/fraud.yaml" in owners and "models/risk.yaml" not in owners
    assert team.run("validate").code == 0


def test_until_mlflow_is_renamed_nothing_is_created_or_emptied(team: Team) -> None:
    renamed(team)
    [plan] = team.run("plan", "--format", "json").json["models"]
    assert [refusal["code"] for refusal in plan["refusals"]] == ["renamed"]
    assert "mlflow-gitops rename risk fraud --apply" in plan["refusals"][0]["way_out"]
    ran = team.run("reconcile", "--yes", "--prune", "--max-changes", "9")
    assert ran.code == 4, ran
    stages = LaneRegistry(team.uri).client.get_model_version("risk", "2").current_stage
    assert stages == "Production"


def test_after_the_rename_the_history_goes_on(team: Team) -> None:
    commit = renamed(team)
    ran = team.run("rename", "risk", "fraud", "--apply", "--format", "json")
    assert ran.code == 0 and ran.json["mlflow"] == "renamed", ran
    assert team.run("rename", "risk", "fraud", "--apply", "--format", "json").json["mlflow"] == (
        "already_renamed"
    )
    [plan] = team.run("plan", "--format", "json").json["models"]
    assert (plan["sync"], plan["changes"], plan["refusals"]) == ("Synced", [], [])
    team.reconcile()
    verified = team.run("verify", "--format", "json")
    assert verified.json["unexplained"] == [] and verified.code == 0

    events = team.run("log", "fraud", "--stage", "Production", "--format", "json").json
    assert [(event["model"], event["to"], event["effect"]["result"]) for event in events] == [
        ("risk", [1], "applied"),
        ("risk", [2], "applied"),
    ]
    whole = team.run("log", "--format", "json").json
    assert [event["renamed"] for event in whole if event["commit"] == commit] == [
        {"from": "risk", "to": "fraud"}
    ]
    old = team.run("log", "risk").out
    assert "renamed" in old and "risk → fraud" in old
    at_first = team.run("show", "fraud", "--at", events[0]["commit"], "--format", "json").json
    assert at_first["models"][0]["stages"]["Production"] == [1]
    held = team.run("show", "fraud", "--effective", "--format", "json").json
    assert held["models"][0]["stages"]["Production"] == [2]

    back = team.run("rollback", "fraud", "--format", "json")
    assert back.json["held"]["versions"] == [1], back
    team.commit("Back to 1")
    [plan] = team.run("plan", "--format", "json").json["models"]
    gates = {gate["gate"]: gate["status"] for gate in plan["gates"]}
    assert gates["from"] in ("exempt", "passed") and plan["refusals"] == []


def test_a_version_that_staged_under_the_old_name_may_be_promoted(team: Team) -> None:
    renamed(team)
    team.run("rename", "risk", "fraud", "--apply")
    text = (team.folder / "registry/models/fraud.yaml").read_text()
    team.commit("Promote 3", fraud=text.replace("Production: 2, Staging: 3", "Production: 3"))
    [plan] = team.run("plan", "--format", "json").json["models"]
    assert {gate["gate"]: gate["status"] for gate in plan["gates"]} == {"from": "passed"}
    assert team.run("reconcile", "--yes").code == 0


def test_a_new_model_takes_no_history_that_is_not_its_own(team: Team) -> None:
    team.git("rm", "-q", "registry/models/risk.yaml")
    team.commit("Delete risk")
    LaneRegistry(team.uri).client.rename_registered_model("risk", "other")
    text = "name: other\nformerly: [risk]\nstages: {Production: 3}\n"
    team.commit("A later model", other=text)
    [plan] = team.run("plan", "--format", "json").json["models"]
    assert [gate["status"] for gate in plan["gates"] if gate["gate"] == "from"] == ["failed"]
    assert [event["model"] for event in team.run("log", "other", "--format", "json").json] == [
        "other"
    ]


@pytest.mark.parametrize(
    ("new", "words"),
    [("risk", "has this name already"), ("a/b", "cannot be the name"), ("Taken", "is in use")],
)
def test_names_that_cannot_be(team: Team, new: str, words: str) -> None:
    team.commit("Another", taken="stages: {}\n")
    ran = team.run("rename", "risk", new)
    assert ran.code == 1 and words in ran.err, ran
