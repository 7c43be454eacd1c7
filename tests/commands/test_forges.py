"""The approval workflow by the command line alone, on each forge: a proposal is planned, approved,
merged and reconciled, and nothing that is not approved is."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.forge_worlds import ForgeWorld, people_on
from tests.support.team import Team

POLICY = """\
stages:
  Staging: {alias: staging}
  Production: {alias: production, approvals: 1}
propose: Production
"""
CONTEXT = "mlflow-gitops/plan"


@pytest.fixture(scope="session")
def registry_file(
    tmp_path_factory: pytest.TempPathFactory, blank_registry: Callable[[Path], str]
) -> Path:
    """An MLflow with `churn` 1 and 2."""
    from mlflow import MlflowClient

    file = tmp_path_factory.mktemp("forges") / "mlflow.db"
    client = MlflowClient(blank_registry(file))
    client.create_registered_model("churn")
    for _ in range(2):
        client.create_model_version("churn", "s3://models/churn", await_creation_for=0)
    return file


@pytest.fixture(params=["github", "local"])
def world(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    registry_file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[ForgeWorld]:
    """`churn` 1 is in Production, as adopted from MLflow before approvals were required."""
    shutil.copy(registry_file, tmp_path / "mlflow.db")
    with people_on(request.param, tmp_path, monkeypatch) as people:
        world = ForgeWorld(people, tmp_path / "clone")
        world.team.uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
        world.team.write("policy.yaml", "stages: {Production: {alias: production}}\n")
        world.team.commit("Before")
        world.push("main")
        world.team.reconcile()
        world.team.write("policy.yaml", POLICY)
        world.team.commit("Approvals")
        world.push("main")
        world.team.reconcile()
        yield world


def production(team: Team) -> int:
    from mlflow import MlflowClient

    return int(MlflowClient(team.uri).get_model_version_by_alias("churn", "production").version)


def test_a_proposal_is_planned_approved_merged_and_reconciled(world: ForgeWorld) -> None:
    proposed = world.team.run("github", "propose")
    assert proposed.code == 0 and "opened" in proposed.out, proposed.out + proposed.err
    [pull] = world.forge.open_pull_requests("mlflow-gitops/propose/", "main").values()
    assert world.people.opener(pull.number) == "command"

    planned = world.team.run("github", "plan", pull.head)
    assert planned.code == 0, planned.err
    assert world.people.status(pull.head, CONTEXT)[0] == "success"
    [comment] = world.people.comments(pull.number)
    assert "1 → 2" in comment and "needs 2 approvals" in comment, "one more for a bot's"

    for login in ("bob", "alice"):
        world.people.review(pull.number, login)
    assert world.team.run("github", "plan", pull.head).code == 0
    [comment] = world.people.comments(pull.number)
    assert "approved by @bob, @alice; counts once it is merged" in comment

    world.people.merge(pull.number, "carol")
    world.main()
    reconciled = world.team.reconcile()
    assert reconciled.json["changed"] == [{"model": "churn", "stage": "Production", "version": 2}]
    assert production(world.team) == 2
    [event] = world.team.run("log", "churn", "--format", "json").json[-1:]
    assert event["approved_by"] == ["@bob", "@alice"]
    assert event["approved_by_source"] == "receipt" and event["pr"] == pull.number


def test_what_nobody_approved_is_refused(world: ForgeWorld) -> None:
    number, _ = world.propose("promote", 2)
    world.people.merge(number, "carol")
    world.main()
    refused = world.team.run("reconcile", "--yes", "--format", "json")
    assert refused.code == 4, refused.err
    [model] = refused.json["models"]
    assert [refusal["code"] for refusal in model["refusals"]] == ["gate"]
    assert f"nobody has reviewed #{number}" in model["refusals"][0]["detail"]
    assert production(world.team) == 1


def test_drift_is_one_issue(world: ForgeWorld) -> None:
    from mlflow import MlflowClient

    world.team.write("policy.yaml", POLICY + "drift: report\n")
    world.team.commit("Report")
    world.push("main")
    client = MlflowClient(world.team.uri)
    client.set_registered_model_alias("churn", "production", "2")
    assert world.team.run("github", "drift").code == 0
    assert world.people.issues() == [("MLflow differs from git: 1 model", "open")]
    client.set_registered_model_alias("churn", "production", "1")
    assert world.team.run("github", "drift").code == 0
    assert world.people.issues() == [("MLflow differs from git: 1 model", "closed")]


def test_promote_opens_a_pull_request(world: ForgeWorld) -> None:
    ran = world.team.run("promote", "churn", "2", "Production", "--pr", "--format", "json")
    assert ran.code == 0, ran.err
    head = ran.json["commit"]
    pull = world.forge.pull_request_at(head, "main")
    assert pull is not None and pull.url == ran.json["pull_request"]
