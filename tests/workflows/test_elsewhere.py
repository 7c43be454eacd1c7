"""The composite action as another repository uses it: from its own commit, in the version that is
asked for, or installed already."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from mlflow_gitops import __version__
from tests.support.act import ROOT, Environment, Workflows, must_have_act, read
from tests.support.github_api import GitHubAPI
from tests.support.github_state import Repository
from tests.support.project.installing import copy_of_the_project, lending
from tests.support.team import Team

pytestmark = pytest.mark.real

WORKFLOW = """\
name: models
on: push
jobs:
  check:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1
      - uses: {action}
        with: {{args: validate --format github}}
      - {{shell: bash, run: 'echo "from the commit: $(mlflow-gitops --version)"'}}
      - uses: {action}
        with: {{requirement: "{requirement}"}}
      - {{shell: bash, run: 'echo "as asked for: $(mlflow-gitops --version)"'}}
      - {{shell: bash, run: "sed -i.bak s/Production/Nowhere/ ml/registry/models/churn.yaml"}}
      - id: broken
        continue-on-error: true
        uses: {action}
        with:
          environment: "${{{{ runner.temp }}}}/mlflow-gitops"
          args: validate --format github
      - shell: bash
        run: 'echo "what is broken: $OUTCOME"'
        env: {{OUTCOME: "${{{{ steps.broken.outcome }}}}"}}
env: {{MLFLOW_GITOPS_REGISTRY_DIR: ml/registry}}
"""
ACTION = f"acme/mlflow-gitops/.github/actions/mlflow-gitops@{'0123456789abcdef' * 2}01234567"


def test_the_action_in_a_repository_of_its_own(tmp_path: Path) -> None:
    must_have_act()
    another = copy_of_the_project(tmp_path / "another release")
    (another / "tools/mlflow_gitops/__init__.py").write_text('__version__ = "98.7.6"\n')
    hub = Repository(tmp_path / "github")
    hub.user("ada", "write", mails=("ada@example.org",))
    team = Team(tmp_path / "clone", "")
    team.git("remote", "add", "origin", str(hub.path))
    team.write("models/churn.yaml", "name: churn\nstages: {Production: 1}\n")
    (team.folder / "ml").mkdir()
    (team.folder / "registry").rename(team.folder / "ml/registry")
    workflow = team.folder / ".github/workflows/models.yml"
    workflow.parent.mkdir(parents=True)
    workflow.write_text(
        WORKFLOW.format(action=ACTION, requirement=f"mlflow-gitops @ {another.as_uri()}")
    )
    before = hub.tip("main")
    team.commit("Check the models")
    team.git("push", "-q", "-f", "origin", "main")
    with GitHubAPI(hub).serving() as api:
        actions = Workflows(tmp_path / "actions", api, environment=Environment())
        actions.others["acme/mlflow-gitops"] = copy_of_the_project(tmp_path / "theirs")
        actions.more = lending(tmp_path / "lent")
        [run] = actions.push(before, "ada")
    assert run.ok, run.log
    job = run.job("check")
    assert f"from the commit: mlflow-gitops {__version__}" in job.text
    assert "as asked for: mlflow-gitops 98.7.6" in job.text
    assert "what is broken: failure" in job.text
    told = [
        (annotation["level"], annotation["file"], annotation["title"])
        for annotation in job.annotations
        if "file" in annotation
    ]
    assert told == [("error", "ml/registry/models/churn.yaml", "stage-unknown")]


def test_where_there_is_nothing_to_install_it_says_so(tmp_path: Path) -> None:
    """A folder that somebody copied into a repository of theirs."""
    copied = tmp_path / "repository/.github/actions/mlflow-gitops"
    shutil.copytree(ROOT / ".github/actions/mlflow-gitops", copied)
    [install] = [
        step
        for step in read(copied / "action.yml")["runs"]["steps"]
        if step.get("name") == "Install"
    ]
    given = {
        "ENVIRONMENT": "",
        "REQUIREMENT": "",
        "CONSTRAINTS": "",
        "ACTION": str(copied),
        "RUNNER_TEMP": str(tmp_path),
    }
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", install["run"]],
        env=os.environ | given,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stdout.startswith("::error::This action lies in no checkout of mlflow-gitops."), (
        done.stdout + done.stderr
    )
