"""A model whose manifest was deleted or renamed: by whom, when, and what MLflow still has."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.registries.lane import LaneRegistry
from tests.support.team import Team


@pytest.fixture
def team(tmp_path: Path) -> Team:
    """`churn` with Production 1, reconciled; then its manifest was deleted."""
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    shelf = LaneRegistry(uri)
    shelf.client.create_registered_model("churn")
    shelf.client.create_model_version("churn", "s3://models/1", await_creation_for=0)
    team = Team(tmp_path / "repo", uri)
    team.write("policy.yaml", "stages: {}\n")
    team.commit("Begin", churn="stages: {Production: 1}\n")
    team.reconcile()
    team.git("rm", "-q", "registry/models/churn.yaml")
    return team


def test_a_deleted_model(team: Team) -> None:
    commit = team.commit("Delete churn\n\nApproved-by: Lee <lee@example.org>")
    shown = team.run("show", "churn").out
    assert "has no manifest: deleted on 20" in shown and f'{commit[:7]} "Delete churn"' in shown
    assert "approved by Lee <lee@example.org> (claimed)" in shown
    assert "in MLflow  Production 1, by the receipts" in shown

    data = team.run("show", "churn", "--format", "json").json
    assert data["models"] == [] and data["departure"]["left"] == {"Production": [1]}
    assert data["departure"]["type"] == "deleted" and data["departure"]["commit"] == commit
    assert "departure" not in team.run("show", "churn", "--at", "HEAD~1", "--format", "json").json

    log = team.run("log", "churn")
    assert "1 → — deleted" in log.out
    assert "By the receipts, MLflow still has Production 1" in log.err
    assert team.run("log", "churn", "--format", "json").json[-1]["deleted"] is True

    team.run("report", "--out", str(team.folder / "page"))
    page = (team.folder / "page/index.html").read_text()
    assert "No stage is held" not in page and "MLflow still has Production 1." in page
    team.run("report", "--offline", "--out", str(team.folder / "page"))
    page = (team.folder / "page/index.html").read_text()
    assert "By the receipts, MLflow still has Production 1." in page


def test_a_pruned_model_has_nothing_left(team: Team) -> None:
    team.commit("Delete churn")
    ran = team.run("reconcile", "--yes", "--prune", "--max-changes", "1")
    assert ran.code == 0, ran
    assert "in MLflow  nothing in a stage, by the receipts" in team.run("show", "churn").out
    team.run("report", "--out", str(team.folder / "page"))
    page = (team.folder / "page/index.html").read_text()
    assert "MLflow has nothing in a stage." in page


def test_a_renamed_model(team: Team) -> None:
    commit = team.commit("Rename churn", leaving="formerly: [churn]\nstages: {Production: 1}\n")
    assert "renamed to leaving on 20" in team.run("show", "churn").out
    data = team.run("show", "churn", "--format", "json").json["departure"]
    assert data["renamed"] == {"from": "churn", "to": "leaving"} and data["commit"] == commit


def test_a_model_before_its_first_manifest(team: Team) -> None:
    team.commit("Delete churn")
    team.commit("Another", other="stages: {}\n")
    assert "other  has no manifest at that time." in team.run("show", "other", "--at", "HEAD~1").out
