"""The commands of the shipped workflows with exactly the permissions that their jobs list, and with
less: then they fail in words (RULES R9)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.support.act import ROOT, read
from tests.support.github.hub import POLICY, STAGES, Hub
from tests.support.team import Ran

LESS = {"write": "read", "read": "none"}


def listed(workflow: str, job: str) -> Mapping[str, str]:
    """The permissions of a shipped job."""
    found: Mapping[str, str] = read(ROOT / f".github/workflows/{workflow}.yml")["jobs"][job][
        "permissions"
    ]
    return found


def run_plan(hub: Hub) -> Ran:
    """The plan of an approved pull request that a workflow opened."""
    return hub.plan(_opened_by_a_workflow(hub))


def run_reconcile(hub: Hub) -> Ran:
    _opened_by_a_workflow(hub)
    hub.repo.merge(1, "squash", by="carol")
    hub.main()
    return hub.reconcile()


def run_drift(hub: Hub) -> Ran:
    hub.team.write("policy.yaml", POLICY + "drift: report\n")
    hub.team.commit("Report")
    hub.push("main")
    hub.client.set_registered_model_alias("churn", "production", "3")
    return hub.team.run("github", "drift")


def run_promote(hub: Hub) -> Ran:
    hub.main()
    return hub.team.run("promote", "churn", "3", "Production", "--branch", "promote-3", "--pr")


def run_propose(hub: Hub) -> Ran:
    """A version that training registered gets a pull request."""
    hub.team.write("policy.yaml", POLICY + "propose: Staging\n")
    hub.team.commit("Propose")
    hub.push("main")
    return hub.team.run("github", "propose")


def run_verify(hub: Hub) -> Ran:
    """A stage that somebody moved, after a reconcile with all permissions."""
    run = hub.repo.run("reconcile", "push", "alice")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GITHUB_TOKEN", "actions-token")
        patch.setenv("GITHUB_RUN_ID", str(run.id))
        assert run_reconcile(hub).code == 0
    hub.client.set_registered_model_alias("churn", "production", "3")
    return hub.team.run("github", "verify")


def run_report(hub: Hub) -> Ran:
    """The page, while an approved change waits for its reconcile."""
    _opened_by_a_workflow(hub)
    hub.repo.merge(1, "squash", by="carol")
    hub.main()
    return hub.team.run("report", "--out", str(hub.team.folder.parent / "page"))


def _opened_by_a_workflow(hub: Hub) -> str:
    _, head = hub.propose("promote", STAGES.format(2), author="github-actions[bot]")
    pull = hub.repo.pull(1)
    pull.user = "github-actions[bot]"
    hub.repo.run("promote", "workflow_dispatch", "alice", began=60.0)
    for reviewer in ("bob", "carol"):
        hub.repo.review(1, reviewer)
    return head


RUNS: Mapping[tuple[str, str], Callable[[Hub], Ran]] = {
    ("plan", "plan"): run_plan,
    ("reconcile", "reconcile"): run_reconcile,
    ("heal", "drift"): run_drift,
    ("promote", "promote"): run_promote,
    ("propose", "propose"): run_propose,
    ("verify", "verify"): run_verify,
    ("pages", "report"): run_report,
}
NOT_HERE = {
    ("heal", "contents"),
    ("heal", "pull-requests"),
    ("heal", "actions"),
    ("promote", "contents"),
    ("promote", "actions"),
    ("propose", "contents"),
    ("propose", "actions"),
    ("verify", "contents"),
}
"""What these commands do not ask GitHub for: checkouts, pushes and dispatches are other steps. A
drift run reads approvals only if somebody has to approve what differs."""
BEFORE = {"heal": 3, "verify": 3}
"""The version in Production before a command; 1 for the others. No command changes it."""
FINDS = {"verify": 4}
"""The exit code of a command that finds something; 0 for the others."""


def with_permissions(hub: Hub, patch: pytest.MonkeyPatch, permissions: Mapping[str, str]) -> None:
    token = hub.api.token("github-actions[bot]", installation=True, permissions=permissions)
    patch.setenv("GITHUB_TOKEN", token)


@pytest.mark.parametrize(("workflow", "job"), RUNS)
def test_a_job_may_do_all_that_it_does(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, workflow: str, job: str
) -> None:
    with_permissions(hub, monkeypatch, listed(workflow, job))
    ran = RUNS[workflow, job](hub)
    assert ran.code == FINDS.get(workflow, 0), ran.out + ran.err
    assert "cannot be judged" not in ran.out + ran.err, ran.out + ran.err
    assert "may not" not in ran.err, ran.err


def fewer() -> list[tuple[str, str, str]]:
    return [(workflow, job, scope) for workflow, job in RUNS for scope in listed(workflow, job)]


@pytest.mark.parametrize(("workflow", "job", "scope"), fewer())
def test_with_less_a_job_fails_in_words(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, workflow: str, job: str, scope: str
) -> None:
    permissions = dict(listed(workflow, job))
    permissions[scope] = LESS[permissions[scope]]
    with_permissions(hub, monkeypatch, permissions)
    ran = RUNS[workflow, job](hub)
    text = ran.out + ran.err
    if (workflow, scope) in NOT_HERE:
        assert ran.code == FINDS.get(workflow, 0), text
        return
    comments = [comment.body for comment in hub.repo.pull(1).comments] if hub.repo.pulls() else []
    summary = tmp_path / "STEP_SUMMARY"
    page = hub.team.folder.parent / "page/index.html"
    written = [file.read_text() for file in (summary, page) if file.exists()]
    shown = " ".join([text, *comments, *written])
    assert "may not" in shown or "cannot be judged" in shown, shown
    assert hub.production() == BEFORE.get(workflow, 1), "nothing was written"
