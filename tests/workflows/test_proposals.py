"""From training to a merged proposal: what a training job runs by the workflows' README, and
`propose.yml` run by act."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.act import ROOT, Run
from tests.support.github.job_tokens import APP_PERMISSIONS
from tests.workflows.repository import WorkflowRepository

pytestmark = pytest.mark.real

POLICY = """\
stages:
  Staging: {alias: staging, approvals: 1}
  Production: {alias: production}
propose: Staging
"""


def announce(repo: WorkflowRepository, token: str) -> None:
    """What the README lets a training job run, with this repository's address and model."""
    text = (ROOT / ".github/workflows/README.md").read_text(encoding="utf-8")
    [command] = re.findall(r"```\n(curl [^`]*/dispatches [^`]*)```", text)
    variables = repo.api.environment(token)
    address = f"{variables['GITHUB_API_URL']}/repos/{variables['GITHUB_REPOSITORY']}/dispatches"
    command = command.replace("https://api.github.com/repos/OWNER/REPOSITORY/dispatches", address)
    command = command.replace("fraud-detector", repo.model)
    subprocess.run(command, shell=True, check=True, env=os.environ | variables)


def names(runs: list[Run]) -> list[tuple[str, bool]]:
    return [(run.workflow, run.ok) for run in runs]


def test_from_training_to_staging(repo: WorkflowRepository, tmp_path: Path) -> None:
    repo.team.write("policy.yaml", POLICY)
    repo.team.commit("New versions are proposed")
    repo.team.git("push", "-q")
    mail = f"{repo.hub.users['ada'].id}+ada@users.noreply.github.com"
    # Registered by training, which has Ada's token.
    assert repo.register() == 1
    announce(repo, repo.api.token("ada"))
    assert repo.hub.dispatched[0]["client_payload"] == {"model": repo.model}
    runs = repo.actions.asked_for()
    assert names(runs) == [("propose", True), ("plan", True)], runs[0].log
    assert repo.actions.mergeable(repo.hub.pulls()[-1].number)
    [pull] = repo.hub.pulls()
    assert pull.title == f"Promote {repo.model} 1 to Staging" and pull.user == "github-actions[bot]"
    assert (
        repo.hub.git("show", "-s", "--format=%an %ae %cn", pull.head)
        == f"ada {mail} github-actions[bot]"
    )

    # The person who started it is the author: somebody else has to approve.
    repo.actions.review(pull.number, "ada")
    [comment] = pull.comments
    assert "@ada is an author of it" in comment.body and "needs 2 approvals" in comment.body, (
        comment.body
    )
    repo.hub.review(pull.number, "grace")
    repo.hub.review(pull.number, "edsger")
    before = repo.hub.tip("main")
    repo.hub.merge(pull.number, "squash", by="edsger")
    [run] = [run for run in repo.actions.push(before, "edsger") if run.workflow == "reconcile"]
    assert run.ok and repo.stages() == {1: "Staging"}, run.log

    # The clock finds the next one, once.
    repo.register()
    runs = repo.actions.schedule("propose-hourly.yml")
    started = [("propose-hourly", True), ("propose", True)]
    assert names(runs) == [*started, ("plan", True)], runs[0].log
    assert repo.actions.mergeable(repo.hub.pulls()[-1].number)
    pull = repo.hub.pulls()[-1]
    assert pull.title == f"Promote {repo.model} 2 to Staging" and "1 → 2" in pull.body
    assert repo.hub.git("show", "-s", "--format=%an", pull.head) == "github-actions[bot]"
    heads = repo.hub.git("for-each-ref")
    assert names(repo.actions.schedule("propose-hourly.yml")) == started
    assert repo.hub.git("for-each-ref") == heads and len(repo.hub.pulls()) == 2

    # What a payload says is looked up, and nothing else.
    hostile = '$(touch pwned) `id` "; exit 1; # ::error::x ${{ github.token }} --dry-run'
    [run] = repo.actions.dispatched("model_version_created", {"model": hostile}, "ada")
    assert run.ok and "has no manifest" in run.log and not run.job("propose").annotations, run.log
    assert not list(tmp_path.rglob("pwned"))

    # A newer one takes the open pull request over, by hand and by an App, whose pushes start the
    # checks themselves.
    repo.register()
    repo.actions.environment.variables["MLFLOW_GITOPS_APP_CLIENT_ID"] = "Iv1.app"
    repo.hub.user("our-app[bot]", kind="Bot")
    repo.actions.app_token = repo.api.token(
        "our-app[bot]", installation=True, permissions=APP_PERMISSIONS
    )
    runs = repo.actions.dispatch("propose.yml", "grace", inputs={"model": repo.model})
    assert names(runs) == [("propose", True), ("validate", True), ("plan", True)], runs[0].log
    assert repo.actions.mergeable(pull.number)
    assert pull.title == f"Promote {repo.model} 3 to Staging" and len(repo.hub.pulls()) == 2
    repo.actions.review(pull.number, "grace")
    [comment] = pull.comments
    assert (
        "1 → 3" in comment.body
        and "needs 2 approvals" in comment.body
        and "@grace is an author of it" in comment.body
    ), comment.body
