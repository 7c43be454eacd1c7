"""`health.yml`, run by act: what a monitor wrote to MLflow becomes a planned pull request."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from mlflow_gitops.core.times import format_datetime
from mlflow_gitops.settings import utc_now
from tests.support.github_api import GitHubAPI
from tests.support.github_state import Repository
from tests.support.watch.rounds import eventually
from tests.workflows.repository import WorkflowRepository

pytestmark = pytest.mark.real

POLICY = """\
stages:
  Production:
    alias: production
    health:
      window: 1s
      on_failure: propose
      checks: {drift: {tag: drift, max: 0.3, newer_than: 2h}}
"""


def served(repo: WorkflowRepository, drift: float) -> None:
    """The next version gets Production, and then a monitor says how far its data drifted."""
    number = repo.register()
    repo.push_again(f"{{Production: {number}}}")
    repo.team.reconcile("--push-receipts")
    # Without its fraction, now may be before the entry.
    value = f"{drift}@{format_datetime(utc_now() + timedelta(seconds=1))}"
    repo.client.set_model_version_tag(repo.model, str(number), "drift", value)


def state(repo: WorkflowRepository) -> str:
    [verdict] = repo.team.run("health", "--format", "json").json["verdicts"]
    return str(verdict["state"])


@pytest.fixture
def repo(tmp_path: Path, server: str) -> Iterator[WorkflowRepository]:
    with GitHubAPI(Repository(tmp_path / "github")).serving() as api:
        yield WorkflowRepository(tmp_path, api, server, POLICY)


def test_an_unhealthy_version_becomes_a_planned_pull_request(repo: WorkflowRepository) -> None:
    served(repo, 0.1)
    eventually(lambda: state(repo) == "healthy")
    served(repo, 0.9)
    runs = repo.actions.schedule("health.yml")
    assert [(run.workflow, run.ok) for run in runs] == [("health", True), ("plan", True)], runs[
        0
    ].log
    [pull] = repo.hub.pulls()
    assert pull.title == f"Roll {repo.model} Production back to 1" and "0.9" in pull.body
    author = repo.hub.git("show", "-s", "--format=%an %cn", pull.head)
    assert author == "github-actions[bot] github-actions[bot]", "the clock is nobody"
    assert repo.actions.mergeable(pull.number)
