"""The script of the job that fills templates: what it pushes to the branch `deployments`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from mlflow import MlflowClient

from mlflow_gitops.core.manifests.environments import read_environments
from mlflow_gitops.core.setup.scaffold_environments import for_environments
from tests.support.act import ROOT, read
from tests.support.git_histories import ISOLATED
from tests.support.team import Team

JOB = read(ROOT / ".github/workflows/deployments.yml")["jobs"]["render"]


@pytest.fixture
def team(tmp_path: Path, blank_registry: Callable[[Path], str]) -> Team:
    """A model of two versions, a template, and a remote."""
    uri = blank_registry(tmp_path / "mlflow.db")
    client = MlflowClient(uri)
    client.create_registered_model("fraud")
    for _ in (1, 2):
        client.create_model_version("fraud", "s3://bucket/x", await_creation_for=0)
    made = Team(tmp_path / "team", uri)
    made.git("init", "-q", "--bare", "--initial-branch=main", str(tmp_path / "hub.git"))
    made.git("remote", "add", "origin", str(tmp_path / "hub.git"))
    (made.folder / "deploy").mkdir()
    (made.folder / "deploy" / "serving.yaml.j2").write_text("image: {{ uri | tojson }}\n")
    made.commit("First", fraud="stages: {Production: 1}\n")
    made.git("push", "-q", "-u", "origin", "main")
    return made


def pushed(team: Team, tmp_path: Path, step: dict[str, Any] = JOB["steps"][-1]) -> dict[str, str]:
    """Run the job in a new checkout; the files of the branch afterwards, and their content."""
    checkout = tmp_path / f"checkout-{len(list(tmp_path.iterdir()))}"
    temp, hub = checkout.with_suffix(".temp"), tmp_path / "hub.git"
    temp.mkdir()
    team.git("clone", "-q", str(hub), str(checkout))
    command = temp / "bin" / "mlflow-gitops"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m mlflow_gitops "$@"\n')
    command.chmod(0o755)
    path = f"{command.parent}{os.pathsep}{os.environ['PATH']}"
    variables = {"RUNNER_TEMP": str(temp), "PATH": path, "MLFLOW_GITOPS_MAIN": "origin/main"}
    variables |= step["env"]
    subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=checkout,
        env=os.environ | ISOLATED | variables,
        check=True,
    )
    if not team.git("ls-remote", str(hub), "refs/heads/deployments"):
        return {}
    team.git("fetch", "-q", "origin", "deployments")
    names = team.git("ls-tree", "-r", "--name-only", "FETCH_HEAD").splitlines()
    return {name: team.git("show", f"FETCH_HEAD:{name}") for name in names}


def reconciled(team: Team, **models: str) -> None:
    team.commit("Next", **models)
    team.git("push", "-q", "origin", "main")
    assert team.run("reconcile", "--yes", "--push-receipts").code == 0


def test_the_branch_has_what_receipts_say_and_follows(team: Team, tmp_path: Path) -> None:
    assert pushed(team, tmp_path) == {}, "nothing was reconciled yet"
    assert team.run("reconcile", "--yes", "--push-receipts").code == 0
    file = "serving/fraud-production.yaml"
    assert pushed(team, tmp_path) == {file: 'image: "models:/fraud/1"'}
    tip = team.git("rev-parse", "FETCH_HEAD")
    pushed(team, tmp_path)
    assert team.git("rev-parse", "FETCH_HEAD") == tip, "nothing new, no commit"

    team.commit("Merged, not reconciled", fraud="stages: {Production: 2}\n")
    team.git("push", "-q", "origin", "main")
    assert pushed(team, tmp_path) == {file: 'image: "models:/fraud/1"'}
    assert team.run("reconcile", "--yes", "--push-receipts").code == 0
    assert pushed(team, tmp_path) == {file: 'image: "models:/fraud/2"'}
    assert team.git("rev-list", "--count", "FETCH_HEAD") == "2"

    reconciled(team, fraud="stages: {Production: null}\n")
    assert pushed(team, tmp_path) == {}


def test_each_environment_has_a_folder_of_its_own(team: Team, tmp_path: Path) -> None:
    """Staging and prod are two registries; the job is the one that `init` writes for both."""
    uris = {"staging": team.uri, "prod": f"sqlite:///{tmp_path}/prod.db"}
    listed = yaml.safe_dump({name: {"tracking_uri": uri} for name, uri in uris.items()})
    environments, _ = read_environments(listed.encode(), "registry")
    text = (ROOT / ".github/workflows/deployments.yml").read_text(encoding="utf-8")
    [(_, written)] = for_environments("deployments.yml", text, list((environments or {}).values()))
    step = yaml.safe_load(written)["jobs"]["render"]["steps"][-1]
    team.git("rm", "-q", "-r", "registry")
    team.write("environments.yaml", listed)
    team.write("staging/models/fraud.yaml", "name: fraud\nstages: {Production: 1}\n")
    team.write("prod/models/churn.yaml", "name: churn\nstages: {}\n")
    team.commit("Environments")
    team.git("push", "-q", "origin", "main")
    reconcile = ["--env", "staging", "reconcile", "--yes", "--push-receipts"]
    subprocess.run(
        [sys.executable, "-m", "mlflow_gitops", *reconcile],
        cwd=team.folder,
        env=os.environ | ISOLATED,
        check=True,
    )
    assert pushed(team, tmp_path, step) == {
        "staging/serving/staging-fraud-production.yaml": 'image: "models:/fraud/1"'
    }


def test_no_workflow_only_says_what_to_serve() -> None:
    for file in (ROOT / ".github" / "workflows").glob("*.yml"):
        assert "serve models:/" not in file.read_text(encoding="utf-8")
    assert "MLFLOW_TRACKING" not in repr(JOB) and "secrets" not in repr(JOB)
    assert JOB["permissions"] == {"contents": "write"}
    assert JOB["if"] == "${{ vars.MLFLOW_GITOPS_DEPLOYMENTS == 'true' }}"
