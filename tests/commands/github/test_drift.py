"""`github drift`: one issue, and the output `heal` (RULES R9)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.github.hub import POLICY, Hub


def test_drift_is_reported_beside_an_invalid_file(hub: Hub, tmp_path: Path) -> None:
    hub.main()
    hub.team.commit("Broken", other="name: other\nstages: {Produktion: 3}\n")
    hub.push("main")
    hub.client.set_registered_model_alias("churn", "production", "3")
    assert hub.team.run("github", "drift").code == 3
    [issue] = hub.repo.issues.values()
    assert "stage-unknown" in issue.body
    assert (tmp_path / "OUTPUT").read_text() == "heal=true\n"


def test_drift_that_is_only_reported_is_kept_in_one_issue(hub: Hub, tmp_path: Path) -> None:
    hub.team.write("policy.yaml", POLICY + "drift: report\n")
    hub.team.commit("Report")
    hub.push("main")
    output = tmp_path / "OUTPUT"
    assert hub.team.run("github", "drift").code == 0
    assert not hub.repo.issues and output.read_text() == "heal=false\n"
    hub.client.set_registered_model_alias("churn", "production", "3")
    for _ in range(2):
        assert hub.team.run("github", "drift").code == 0
    [issue] = hub.repo.issues.values()
    assert (
        issue.title == "MLflow differs from git: 1 model"
        and "`churn`" in issue.body
        and issue.state == "open"
    )
    assert output.read_text() == "heal=false\n" * 3 and hub.production() == 3
    hub.client.set_registered_model_alias("churn", "production", "1")
    assert hub.team.run("github", "drift").code == 0
    assert issue.state == "closed"


def test_drift_that_is_healed_needs_no_issue(hub: Hub, tmp_path: Path) -> None:
    hub.client.set_registered_model_alias("churn", "production", "3")
    assert hub.team.run("github", "drift").code == 0
    assert not hub.repo.issues and (tmp_path / "OUTPUT").read_text() == "heal=true\n"
    assert hub.production() == 3, "looking changes nothing"


@pytest.mark.parametrize("refusal", ["disabled", 403, 422, 502])
def test_healing_does_not_wait_for_an_issue(hub: Hub, tmp_path: Path, refusal: int | str) -> None:
    hub.client.set_registered_model_alias("churn", "production", "3")
    hub.team.write("models/other.yaml", "name: other\nstages: {Staging: 9}\n")
    hub.team.commit("A version that does not exist")
    hub.push("main")
    if refusal == "disabled":
        hub.repo.has_issues = False
    else:
        hub.api.fail("POST .*/issues$", int(refusal), "Refused", times=9)
    ran = hub.team.run("github", "drift")
    assert ran.code == 1 and "issue" in ran.err, ran.err
    assert (tmp_path / "OUTPUT").read_text() == "heal=true\n"
    assert "`other`" in (tmp_path / "STEP_SUMMARY").read_text()


def test_without_drift_disabled_issues_are_no_failure(hub: Hub, tmp_path: Path) -> None:
    hub.repo.has_issues = False
    assert hub.team.run("github", "drift").code == 0
    assert (tmp_path / "OUTPUT").read_text() == "heal=false\n"
