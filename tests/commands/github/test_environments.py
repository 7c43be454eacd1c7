"""Several environments and one required check: what the plans of all of them come to, in any
order."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mlflow_gitops.app.forges import required_forge
from mlflow_gitops.app.plan_status import PlanStatus
from mlflow_gitops.app.runners import current_runner
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.github import _key
from mlflow_gitops.edges.forge import CommitStatus, StatusState
from mlflow_gitops.edges.github.forge import GitHub
from mlflow_gitops.settings import Settings
from tests.support.environments import Teams
from tests.support.github_api import GitHubAPI
from tests.support.github_state import Repository

Tell = Callable[[str, StatusState, str], tuple[str, str]]


@pytest.fixture
def tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tell]:
    """Says of one environment what its plan came to in a run; gives the required status then."""
    for name in list(os.environ):
        if name.startswith("GITHUB_"):
            monkeypatch.delenv(name)
    team = Teams(
        tmp_path / "clone", {"staging": "https://one.example", "prod": "https://two.example"}
    )
    repository = Repository(tmp_path / "hub")
    team.git("remote", "add", "origin", str(repository.path))
    sha = team.commit("First")
    team.git("push", "-q", "origin", "main")
    with GitHubAPI(repository).serving() as api:
        for key, value in api.environment().items():
            monkeypatch.setenv(key, value)

        def told(environment: str, state: StatusState, run: str) -> tuple[str, str]:
            monkeypatch.setenv("GITHUB_RUN_ID", run)
            workspace = Workspace(Settings(team.folder, environment=environment))
            forge, url = required_forge(workspace.git), current_runner().run_url
            status = PlanStatus(forge, sha, url, environment, workspace.environments, 0.01)
            status.report(state, f"The plan is a {state}.")
            newest = [
                one for one in repository.statuses[sha] if one["context"] == "mlflow-gitops/plan"
            ][-1]
            return newest["state"], newest["description"]

        yield told


def test_the_last_one_completes_it(tell: Tell) -> None:
    assert tell("staging", "pending", "1")[0] == "pending"
    assert tell("staging", "success", "1") == ("pending", "staging: success, prod: pending")
    assert tell("prod", "pending", "1")[0] == "pending"
    assert tell("prod", "success", "1") == ("success", "prod: The plan is a success.")


def test_one_failure_fails_it_whoever_comes_last(tell: Tell) -> None:
    assert tell("staging", "failure", "1") == ("failure", "staging: The plan is a failure.")
    assert tell("prod", "success", "1") == ("failure", "staging: failure, prod: success")


def test_what_an_earlier_run_found_does_not_count(tell: Tell) -> None:
    """A dismissed approval starts another run: nothing is approved until all have planned again."""
    tell("staging", "success", "1")
    assert tell("prod", "success", "1")[0] == "success"
    assert tell("staging", "success", "2") == ("pending", "staging: success, prod: pending")
    assert tell("prod", "failure", "2")[0] == "failure"


def test_two_that_end_at_once_leave_what_both_come_to(
    tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One run reads that the other is pending, and reports it only after the other succeeded."""
    for name in ("staging", "prod"):
        tell(name, "pending", "1")
    reads = GitHub.statuses

    def overtaken(self: GitHub, sha: str) -> dict[str, CommitStatus]:
        monkeypatch.setattr(GitHub, "statuses", reads)
        before = reads(self, sha)
        assert tell("prod", "success", "1")[0] == "success"
        return before

    monkeypatch.setattr(GitHub, "statuses", overtaken)
    assert tell("staging", "success", "1") == ("success", "staging: The plan is a success.")


@pytest.mark.parametrize("outcome", ["success", "failure"])
@pytest.mark.parametrize("late", ["staging", "prod", "both"])
def test_a_status_that_github_shows_late(
    tell: Tell, monkeypatch: pytest.MonkeyPatch, late: str, outcome: StatusState
) -> None:
    """What both set at the same time is not shown for a moment; then nobody else reads it."""
    for name in ("staging", "prod"):
        tell(name, "pending", "1")
    tell("staging", outcome, "1")
    reads, hidden = GitHub.statuses, [f"mlflow-gitops/plan/{late}"]
    if late == "both":
        hidden = ["mlflow-gitops/plan/staging", "mlflow-gitops/plan/prod"]

    def behind(self: GitHub, sha: str) -> dict[str, CommitStatus]:
        shown = reads(self, sha)
        for context in hidden:
            shown[context] = CommitStatus("pending", shown[context].url)
        if "mlflow-gitops/plan" in shown and shown["mlflow-gitops/plan"].state == "pending":
            hidden.clear()
        return shown

    monkeypatch.setattr(GitHub, "statuses", behind)
    assert tell("prod", "success", "1")[0] == outcome


def test_each_has_a_comment_and_an_issue_of_its_own(tmp_path: Path) -> None:
    team = Teams(tmp_path / "clone", {"prod": "https://two.example"})
    assert _key("plan", Workspace(Settings(team.folder, environment="prod"))) == "plan-prod"
