"""What somebody deleted in MLflow is not made again (RULES R1), and what a run wrote before that is
counted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from mlflow_gitops.edges.mlflow.registry import Registry
from tests.support.receipts import receipts_in
from tests.support.registries.lane import LaneRegistry
from tests.support.team import Ran, Team

PINS = 'versions: {1: {source: "s3://models/1"}, 2: {source: "s3://models/2"}}\nstages: {}\n'
MANIFESTS = {
    "an alias": "stages: {}\naliases: {champion: 1}\n",
    "pins": PINS,
    "an alias and a pin": f"aliases: {{champion: 2}}\n{PINS}",
    "a tag": "stages: {}\ntags: {team: risk}\n",
    "a stage": "stages: {Production: 1}\n",
}


@pytest.fixture
def uri(sqlite_uri: str) -> str:
    return sqlite_uri


def exists(client: MlflowClient, name: str) -> bool:
    try:
        client.get_registered_model(name)
    except MlflowException:
        return False
    return True


def outcome_of(ran: Ran, name: str) -> dict:  # type: ignore[type-arg]
    return next(model for model in ran.json["models"] if model["model"] == name)


@pytest.mark.parametrize("content", MANIFESTS)
def test_a_deleted_model_is_missing_and_refused_alone(
    team: Team, shelf: LaneRegistry, content: str
) -> None:
    name, other = shelf.model(2), shelf.model(1, "other")
    team.commit(**{name: MANIFESTS[content], other: "stages: {Production: 1}\n"})
    team.reconcile()
    count = len(receipts_in(team.folder))
    shelf.client.delete_registered_model(name)
    shelf.client.transition_model_version_stage(other, "1", "Archived")

    [status] = [
        m for m in team.run("status", "--format", "json").json["models"] if m["model"] == name
    ]
    assert status["sync"] == "Missing"
    ran = team.run("reconcile", "--yes", "--format", "json")
    assert ran.code == 4, ran
    outcome = outcome_of(ran, name)
    assert (outcome["result"], outcome["changes"], outcome["error"]) == ("refused", [], None)
    [refusal] = outcome["refusals"]
    assert refusal["code"] == "deleted" and "--adopt" in refusal["way_out"]
    assert not exists(shelf.client, name)
    assert shelf.stages(other) == {1: "Production"}, "drift of another model is healed"
    assert len(receipts_in(team.folder)) == count + 1

    assert team.run("reconcile", "--yes").code == 4 and not exists(shelf.client, name)
    assert len(receipts_in(team.folder)) == count + 1, "a run that wrote nothing leaves no receipt"


def test_a_deleted_model_begins_anew_with_adopt(team: Team, shelf: LaneRegistry) -> None:
    name = shelf.model(2)
    team.commit(**{name: MANIFESTS["pins"]})
    team.reconcile()
    shelf.client.delete_registered_model(name)
    assert team.run("reconcile", "--yes").code == 4
    ran = team.reconcile(name, "--adopt")
    assert outcome_of(ran, name)["result"] == "applied"
    assert sorted(shelf.versions(name)) == [1, 2]
    team.reconcile()


def test_a_model_that_never_was_there_is_created(team: Team, shelf: LaneRegistry) -> None:
    name = f"{shelf.model(1)}-new"
    team.commit(**{name: MANIFESTS["pins"]})
    assert outcome_of(team.reconcile(), name)["result"] == "applied"
    assert sorted(shelf.versions(name)) == [1, 2]


def test_a_model_that_was_made_again_by_hand_is_refused(team: Team, shelf: LaneRegistry) -> None:
    """Its numbers begin at 1 again, and mean other versions."""
    name = shelf.model(2)
    team.commit(**{name: "stages: {}\naliases: {champion: 1}\n"})
    team.reconcile()
    shelf.client.delete_registered_model(name)
    shelf.client.create_registered_model(name)
    shelf.client.create_model_version(name, "s3://others/1", await_creation_for=0)
    ran = team.run("reconcile", "--yes", "--format", "json")
    assert ran.code == 4 and shelf.aliases(name) == {}
    assert [r["code"] for r in outcome_of(ran, name)["refusals"]] == ["base_unknown"]


@pytest.mark.parametrize("content", ["an alias and a pin", "pins", "a pinned stage"])
def test_a_deleted_version_is_named_and_not_registered_again(
    team: Team, shelf: LaneRegistry, content: str
) -> None:
    manifests = {**MANIFESTS, "a pinned stage": PINS.replace("{}", "{Staging: 2}")}
    name = shelf.model(2)
    team.commit(**{name: manifests[content]})
    team.reconcile()
    shelf.client.delete_model_version(name, "2")
    ran = team.run("reconcile", "--yes", "--format", "json")
    [refusal] = outcome_of(ran, name)["refusals"]
    assert ran.code == 4 and refusal["code"] == "missing_version"
    assert f"version 2 of {name} was deleted in MLflow" in refusal["detail"]
    assert sorted(shelf.versions(name)) == [1] and "gitops.highest" not in shelf.tags(name)


@pytest.mark.parametrize("method", ["transition", "set_alias", "set_tag"])
def test_a_model_that_is_deleted_during_a_run_is_not_made_again_and_its_writes_are_recorded(
    team: Team, shelf: LaneRegistry, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    name = shelf.model(2)
    team.commit(**{name: "stages: {Production: 1}\naliases: {champion: 1}\ntags: {team: risk}\n"})
    write: Callable[..., None] = getattr(Registry, method)

    def write_and_delete(registry: Registry, *arguments: object) -> None:
        write(registry, *arguments)
        if exists(shelf.client, name):
            shelf.client.delete_registered_model(name)

    monkeypatch.setattr(Registry, method, write_and_delete)
    ran = team.run("reconcile", "--yes", "--format", "json")
    outcome = outcome_of(ran, name)
    assert ran.code == 5 and outcome["result"] == "failed" and not exists(shelf.client, name)
    assert "not recorded" not in ran.err
    receipt = receipts_in(team.folder)[-1]
    [recorded] = receipt.models()
    assert len(recorded.changes) == len(outcome["changes"]) == ran.json["summary"]["changes"]
    assert outcome["changes"], "what was written before is counted"


def test_a_deleted_prompt_is_missing_and_refused(
    tmp_path: Path, blank_registry: Callable[[Path], str]
) -> None:
    team = Team(tmp_path / "repo", blank_registry(tmp_path / "mlflow.db"))
    client = MlflowClient(team.uri)
    client.register_prompt("greeting", "Hello {{name}}")
    team.commit(greeting="kind: prompt\nstages: {}\naliases: {friendly: 1}\n")
    team.reconcile()
    client.delete_prompt_alias("greeting", "friendly")
    client.delete_prompt("greeting")
    ran = team.run("reconcile", "--yes", "--format", "json")
    assert ran.code == 4 and [r["code"] for r in ran.json["models"][0]["refusals"]] == ["deleted"]
