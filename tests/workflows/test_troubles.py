"""With four models in four kinds of trouble, the workflows heal what can be healed: after a push,
and on their schedule."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.act import Run
from tests.support.github_api import GitHubAPI
from tests.support.github_state import Repository
from tests.support.watch.troubles import BROKEN_STAMPS, INVALID, KINDS, Troubles
from tests.workflows.repository import WorkflowRepository

pytestmark = pytest.mark.real

POLICY = "stages: {Staging: {alias: staging}, Production: {alias: production}}\n"


@pytest.fixture
def repo(tmp_path: Path, server: str) -> Iterator[WorkflowRepository]:
    """Its rules never asked for approvals, so that pushes are enough."""
    with GitHubAPI(Repository(tmp_path / "github")).serving() as api:
        yield WorkflowRepository(tmp_path, api, server, POLICY)


def pushed(repo: WorkflowRepository, **manifests: str) -> Run:
    """Commit manifests on the main branch, push, and run what that starts."""
    before = repo.hub.tip("main")
    repo.team.commit("Change", **manifests)
    repo.team.git("push", "-q")
    [run] = [run for run in repo.actions.push(before, "edsger") if run.workflow == "reconcile"]
    return run


def test_the_workflows_heal_what_can_be_healed(repo: WorkflowRepository) -> None:
    suffix = uuid.uuid4().hex[:8]
    troubles = Troubles(repo.client, *(f"{kind}-{suffix}" for kind in KINDS))
    for name in troubles.manifests:
        repo.register(name)
        repo.register(name)
    run = pushed(repo, **troubles.manifests)
    assert run.ok, [(job.id, job.summary, job.annotations) for job in run.jobs]

    troubles.break_registry(BROKEN_STAMPS[0])
    run = pushed(repo, **{troubles.invalid: INVALID})
    assert not run.ok and troubles.production() == troubles.healed, run.log
    assert "unknown-field" in run.job("reconcile").summary

    troubles.drift()
    heal, run = repo.actions.schedule()
    assert [job.id for job in heal.jobs] == ["drift", "heal"], heal.log
    assert not run.ok and troubles.production() == troubles.healed, run.log
    [issue] = [issue for issue in repo.hub.issues.values() if "differs" in issue.title]
    assert troubles.invalid in issue.body and troubles.deleted in issue.body
