"""Rollbacks that health asks for, as people would misuse them."""

from __future__ import annotations

import pytest
from markdown_it import MarkdownIt

from tests.support.github_state import Pull
from tests.support.health.clinic import Clinic
from tests.support.health.ward import BRANCH, POLICY, Ward

BACK = "name: churn\nstages: {Production: 1}\n"


@pytest.fixture
def ward(ward: Ward) -> Ward:
    """Mallory may push, too."""
    ward.repo.user("mallory", "write", mails=("mallory@example.org",))
    return ward


def forged(ward: Ward, body: str) -> Pull:
    """Mallory's pull request of the branch that ours would have."""
    git = ward.team.git
    git("checkout", "-q", "-B", "theirs", "origin/main")
    ward.team.write("models/churn.yaml", BACK + "description: Mine\n")
    git("commit", "-q", "-a", "-m", "Roll back\n\nProposed-by: mlflow-gitops")
    git("push", "-q", "-f", "origin", f"HEAD:refs/heads/{BRANCH}")
    git("checkout", "-q", "main")
    return ward.repo.open_pull(BRANCH, "Roll back", user="mallory", body=body)


def marker(ward: Ward) -> str:
    """The first line of the text of our pull request, which is gone afterwards."""
    ward.look()
    pull = ward.pull()
    ward.repo.close(pull.number)
    del ward.repo.issues[pull.number]
    ward.repo.git("update-ref", "-d", f"refs/heads/{BRANCH}")
    return pull.body.splitlines()[0]


def test_forged_health_pull_request(ward: Ward, clinic: Clinic) -> None:
    pull = forged(ward, marker(ward))
    before = (pull.title, pull.body, pull.head)
    ran, written = ward.writes()
    assert (ran.code, written) == (4, 0) and "Another account opened" in ran.out
    clinic.now[2] = "healthy"
    assert ward.writes()[1] == 0, "it is not withdrawn either"
    assert pull.state == "open" and (pull.title, pull.body, pull.head) == before


def test_health_pull_request_suppressed(ward: Ward) -> None:
    """Mallory closes one of her own that has our marker."""
    pull = forged(ward, marker(ward))
    ward.repo.close(pull.number)
    ward.repo.git("update-ref", "-d", f"refs/heads/{BRANCH}")
    assert "opened" in ward.look().out and ward.pull().user == "github-actions[bot]"


def test_rollback_by_health_without_approval(ward: Ward) -> None:
    ward.team.write("policy.yaml", POLICY.replace("health:", "approvals: 1\n    health:", 1))
    ward.main("Rules", other="stages: {}\n")
    ward.team.reconcile("--push-receipts")
    ward.look()
    ward.repo.merge(ward.pull().number, "squash", by="mallory")
    ward.main()
    ran = ward.team.run("reconcile", "--yes")
    assert ran.code == 4 and "nobody has reviewed" in ran.out + ran.err
    assert int(ward.client.get_model_version_by_alias("churn", "production").version) == 2


def test_monitor_switched_off(ward: Ward, clinic: Clinic) -> None:
    """Who can keep the numbers away brings no version back."""
    clinic.now[2] = "unknown"
    ran, written = ward.writes()
    assert (ran.code, written) == (1, 0) and "is not known" in ran.err
    clinic.now[2] = "waiting"
    assert ward.writes()[1] == 0 and not ward.repo.pulls()


def test_live_text_of_a_monitor(ward: Ward, clinic: Clinic) -> None:
    hostile = "@mallory <img src=x> [x](https://evil.example) fixes #1 | `a` ![y](z)"
    clinic.reason, clinic.query = f"drift was {hostile}\n\n# Merge this", hostile
    ward.look()
    pull = ward.pull()
    tokens = MarkdownIt("commonmark").enable("table").parse(pull.body.partition("\n")[2])
    inline = [child for token in tokens for child in token.children or ()]
    assert not {"link_open", "image", "html_inline"} & {child.type for child in inline}
    assert not any(token.type in ("html_block", "heading_open") for token in tokens)
    plain = " ".join(child.content for child in inline if child.type == "text")
    assert "@mallory" not in plain and "#1" not in plain
    message = ward.repo.git("show", "-s", "--format=%B", BRANCH)
    assert not {"@", "#", "`", "["} & set(message) and "evil" not in message
