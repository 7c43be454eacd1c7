"""Rollbacks that health asks for (`github health`), on a real repository, a real registry and
the GitHub of the tests. What monitors would say is set."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.support.health.clinic import QUERY, Clinic
from tests.support.health.ward import BRANCH, POLICY, Ward
from tests.support.notifying.inbox import webhook_server


def test_an_unhealthy_version_is_proposed_to_be_rolled_back_once(
    ward: Ward, clinic: Clinic, tmp_path: Path
) -> None:
    ward.main("Broken", broken="stages: {Nowhere: 1}\n")
    before = ward.team.git("status", "--porcelain", "--branch")
    heads = ward.heads()
    ran = ward.look(dry_run=True)
    assert "+stages: {Production: 1}" in ran.out
    assert ward.heads() == heads and not ward.repo.pulls(), "a dry run writes nothing"

    ran = ward.look()
    assert ran.code == 3, "the broken model stops only itself"
    assert "opened" in ran.out, ran.out + ran.err
    pull = ward.pull()
    assert (pull.head_ref, pull.base_ref) == (BRANCH, "main")
    assert pull.title == "Roll churn Production back to 1"
    for words in (clinic.reason, QUERY, "812 samples; the policy asks for 500", "approvals"):
        assert words in pull.body
    manifest = ward.repo.git("show", f"{BRANCH}:registry/models/churn.yaml")
    assert yaml.safe_load(manifest)["stages"] == {"Production": 1}
    message = ward.repo.git("show", "-s", "--format=%(trailers:only,unfold)", BRANCH)
    assert "Health-Evidence: version 2 in Production: error_rate was 0.08" in message
    assert "over 812 samples" in message
    assert (tmp_path / "OUTPUT").read_text().splitlines()[-1] == f"branches={BRANCH}"

    ran, written = ward.writes()
    assert (ran.code, written) == (3, 0) and "unchanged" in ran.out
    assert ward.team.git("status", "--porcelain", "--branch") == before


def test_people_are_notified_once(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    variable = "MLFLOW_GITOPS_NOTIFY_RISK"
    rules = "rules: [{to: [risk]}]\n"
    ward.main()
    ward.team.write("notify.yaml", f"channels: {{risk: {{env: {variable}}}}}\n{rules}")
    ward.team.commit("Notify")
    ward.team.git("push", "-q", "origin", "main")
    with webhook_server() as inbox:
        monkeypatch.setenv(variable, inbox.address())
        for _ in range(2):
            ward.look()
        [message] = inbox.take()
    assert message["title"] == "mlflow-gitops: churn: unhealthy"
    assert f"/pull/{ward.pull().number}" in message["message"]


def test_it_is_withdrawn_when_health_returns_and_opened_anew(ward: Ward, clinic: Clinic) -> None:
    ward.look()
    first = ward.pull()
    clinic.now[2] = "healthy"
    assert "withdrawn" in ward.look().out
    assert first.state == "closed" and "Version 2 is healthy" in first.comments[-1].body
    assert not ward.repo.tip(f"refs/heads/{BRANCH}"), "its branch is gone"
    assert ward.writes()[1] == 0
    clinic.now[2] = "unhealthy"
    ward.look()
    second = ward.pull()
    assert second.number != first.number
    ward.main("By hand", churn="stages: {Production: 3}\n")
    assert "withdrawn" in ward.look().out and second.state == "closed", "2 has left"


def test_what_is_not_watched_any_more_is_closed(ward: Ward) -> None:
    ward.look()
    pull = ward.pull()
    ward.team.write("policy.yaml", "stages: {Production: {alias: production}}\n")
    ward.main("Rules", other="stages: {}\n")
    ward.look()
    assert pull.state == "closed" and not ward.repo.tip(f"refs/heads/{BRANCH}")


def test_what_a_person_closed_is_not_opened_again(ward: Ward) -> None:
    ward.look()
    pull = ward.pull()
    ward.repo.close(pull.number)
    ran, written = ward.writes()
    assert written == 0 and "was closed or merged" in ran.out
    ward.repo.git("update-ref", "-d", f"refs/heads/{BRANCH}")
    assert ward.writes()[1] == 0


def test_merged_and_reconciled_the_old_version_is_back_and_the_receipt_says_why(
    ward: Ward, clinic: Clinic
) -> None:
    ward.look()
    ward.repo.merge(ward.pull().number, "squash", by="ada")
    ward.main()
    assert ward.writes()[1] == 0, "merged, and not reconciled yet"
    ward.team.reconcile("--push-receipts")
    assert ward.client.get_model_version_by_alias("churn", "production").version in (1, "1")
    clinic.now[1] = "unhealthy"
    ward.days(6)
    ran = ward.look()
    assert not ward.open_pulls(), "2 was rolled back, so it is no version to roll back to"
    assert "No version is left" in ran.out
    [issue] = [issue for issue in ward.repo.issues.values() if "unhealthy in" in issue.title]
    assert issue.title == "churn 1 is unhealthy in Production" and "No version" in issue.body

    [event] = [e for e in ward.team.run("log", "--format", "json").json if e["to"] == [1]][1:]
    assert event["health"][0]["state"] == "unhealthy"
    assert event["health"][0]["reason"] == clinic.reason
    for command in (("log",), ("show", "churn")):
        assert clinic.reason in ward.team.run(*command).out


def test_a_window_that_cannot_be_judged_counts_by_its_receipt_alone(
    ward: Ward, clinic: Clinic
) -> None:
    clinic.then[1] = "unknown"
    assert "No version is left" in ward.look().out and not ward.repo.pulls()
    # 3 enters while 2 is healthy: the receipt says so when Prometheus has forgotten it.
    clinic.now[2] = "healthy"
    ward.main("Third", churn="stages: {Production: 3}\n")
    ward.team.reconcile("--push-receipts")
    ward.days(6)
    clinic.now[3], clinic.then[2] = "unhealthy", "unknown"
    assert "opened" in ward.look().out
    assert ward.pull().title == "Roll churn Production back to 2"


def test_a_version_that_left_unhealthy_is_no_way_back(ward: Ward, clinic: Clinic) -> None:
    ward.main("Forward", churn="stages: {Production: 3}\n")
    ward.team.reconcile("--push-receipts")
    ward.days(6)
    clinic.now[3], clinic.then[2] = "unhealthy", "healthy"
    assert "opened" in ward.look().out
    assert ward.pull().title == "Roll churn Production back to 1", "2 was unhealthy at the end"


def test_a_policy_that_asks_for_reports(ward: Ward, clinic: Clinic) -> None:
    ward.team.write("policy.yaml", POLICY.replace("propose", "report"))
    ward.main("Rules", other="stages: {}\n")
    assert "reported" in ward.look().out and not ward.repo.pulls()
    [issue] = ward.repo.issues.values()
    assert issue.title == "churn 2 is unhealthy in Production" and clinic.reason in issue.body
    assert ward.look().code == 0 and len(ward.repo.issues) == 1
    clinic.now[2] = "unknown"
    ward.look()
    assert issue.state == "open"
    clinic.now[2] = "healthy"
    assert "closed" in ward.look().out and issue.state == "closed"
    assert ward.writes()[1] == 0


def test_a_forge_without_issues_stops_no_pull_request(ward: Ward, clinic: Clinic) -> None:
    ward.repo.has_issues = False
    assert ward.look().code == 0 and ward.pull()
    ward.team.write("policy.yaml", POLICY.replace("propose", "report"))
    ward.main("Rules", other="stages: {}\n")
    ran = ward.look()
    assert ran.code == 1 and "withdrawn" in ran.out and "ssues" in ran.err


def test_two_runs_at_once_open_one(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second run has read everything before the first one writes."""
    from mlflow_gitops.commands.rollback_pulls import RollbackPulls

    write = RollbackPulls._write
    runs = []

    def late(self: RollbackPulls, *arguments: object) -> str:
        monkeypatch.setattr(RollbackPulls, "_write", write)
        with monkeypatch.context() as patch:  # its commit is another one
            patch.setenv("GIT_COMMITTER_DATE", "2026-01-01T00:00:00Z")
            runs.append(ward.look())
        return write(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(RollbackPulls, "_write", late)
    ran = ward.look()
    assert "opened" in runs[0].out and ran.code == 0 and "unchanged" in ran.out, ran.err
    assert len(ward.repo.pulls()) == 1


def test_a_persons_commit_on_the_branch_is_kept(ward: Ward, clinic: Clinic) -> None:
    ward.look()
    ward.commit_to(BRANCH, "name: churn\nstages: {Production: 1}\ndescription: Mine\n")
    ran, written = ward.writes()
    assert written == 0 and ran.code == 4 and "Others have committed" in ran.out
    clinic.now[2] = "healthy"
    assert ward.writes()[1] == 0 and ward.pull()
