"""`github plan`: the comment and the commit status of a pull request (RULES R7, R9)."""

from __future__ import annotations

from pathlib import Path

from tests.support.github.hub import STAGES, Hub


def test_a_good_pull_request_is_planned(hub: Hub, tmp_path: Path) -> None:
    number, head = hub.propose("promote", STAGES.format(2))
    hub.team.git("checkout", "-q", "main")
    hub.team.git("branch", "-q", "-D", "promote")
    ran = hub.plan(head)
    assert ran.code == 0, ran.err
    assert [one["state"] for one in hub.repo.statuses[head]] == ["pending", "success"]
    assert (
        hub.repo.statuses[head][-1]["target_url"]
        == "https://github.test/acme/models/actions/runs/77"
    )
    body = hub.comment(number)
    assert "`churn`" in body and "1 → 2" in body and "needs 1 approval" in body
    assert body.partition("\n")[2].strip() == (tmp_path / "STEP_SUMMARY").read_text().strip()
    assert (
        hub.team.git("status", "--porcelain") == ""
        and hub.team.git("branch", "--list", "promote") == ""
    )
    assert hub.production() == 1


def test_what_counts_already_is_shown_and_the_comment_is_kept(hub: Hub) -> None:
    number, head = hub.propose("promote", STAGES.format(2))
    hub.plan(head)
    hub.repo.review(number, "bob")
    hub.repo.user("reader", "read")
    hub.repo.review(number, "reader")
    hub.plan(head)
    assert "approved by @bob; counts once it is merged" in hub.comment(number)
    hub.team.git("checkout", "-q", "promote")
    hub.team.commit("Rather 3", churn=STAGES.format(3))
    again = hub.push("promote")
    hub.plan(again)
    said = hub.comment(number)
    assert "1 → 3" in said and "@bob approved an older version of this manifest" in said
    assert "@reader has no write permission (read)" in said
    assert hub.status(again)[0] == "success" and hub.status(head)[0] == "success"


def test_a_failing_gate_is_a_failure_with_its_reason(hub: Hub) -> None:
    hub.client.delete_model_version_tag("churn", "2", "validation")
    number, head = hub.propose("promote", STAGES.format(2))
    assert hub.plan(head).code == 0
    assert hub.status(head) == (
        "failure",
        "Plan: 1 model: 1 refused; 0 changes to make, 3 held back.",
    )
    assert "validation" in hub.comment(number)


def test_invalid_files_and_a_conflict(hub: Hub) -> None:
    number, head = hub.propose("broken", "name: churn\nstages: {Production: 2, Produktion: 3}\n")
    assert hub.plan(head).code == 0
    assert hub.status(head) == ("failure", "Invalid files: 1 problem.")
    assert "stage" in hub.comment(number)
    number, head = hub.propose("conflict", STAGES.format(2))
    hub.main()
    hub.team.commit("Meanwhile", churn=STAGES.format(3))
    hub.push("main")
    assert hub.plan(head).code == 0
    state, why = hub.status(head)
    assert state == "failure" and "conflicts with" in why and "churn.yaml" in hub.comment(number)


def test_what_is_invalid_on_main_does_not_stop_other_pull_requests(hub: Hub) -> None:
    hub.main()
    hub.team.commit("Broken", other="name: other\nstages: {Produktion: 3}\n")
    hub.push("main")
    number, head = hub.propose("well", STAGES.format(2))
    assert hub.plan(head).code == 0
    state, why = hub.status(head)
    assert state == "success" and "invalid" not in why
    assert "Invalid on" in hub.comment(number) and "stage-unknown" in hub.comment(number)

    number, head = hub.propose("ill", STAGES.format(2) + "oops: 1\n")
    assert hub.plan(head).code == 0
    assert hub.status(head) == ("failure", "Invalid files: 1 problem.")
    assert "unknown-field" in hub.comment(number)


def test_a_pull_request_about_something_else_has_a_status_and_no_comment(hub: Hub) -> None:
    hub.team.git("checkout", "-q", "-B", "words", "origin/main")
    (hub.team.folder / "README.md").write_text("Words\n")
    hub.team.commit("Words")
    head = hub.push("words")
    number = hub.repo.open_pull("words", user="alice").number
    assert hub.plan(head).code == 0
    assert (
        hub.status(head) == ("success", "Plan: 0 models, nothing to change.")
        and not hub.repo.pull(number).comments
    )
    hub.team.git("checkout", "-q", "words")
    hub.team.commit("Promote", churn=STAGES.format(2))
    assert hub.plan(hub.push("words")).code == 0 and "1 → 2" in hub.comment(number)
    hub.team.git("checkout", "-q", "words")
    hub.team.commit("Rather not", churn=STAGES.format(1))
    assert hub.plan(hub.push("words")).code == 0 and "nothing to change" in hub.comment(number), (
        "what is there is kept"
    )


def test_a_huge_manifest_makes_a_comment_that_github_takes(hub: Hub) -> None:
    tags = "".join(f"  t{i}: '@everyone <b>`{'x' * 200}'\n" for i in range(250))
    number, head = hub.propose("huge", f"{STAGES.format(2)}tags:\n{tags}")
    assert hub.plan(head).code == 0 and hub.status(head)[0] == "success"
    body = hub.comment(number)
    assert len(body) <= 65_536 and "cut here" not in body, "a cut could leave Markdown open"
    assert "1 → 2" in body and "1 waiting" in body and "refused" not in body


def test_a_crash_is_a_failure(hub: Hub) -> None:
    _, head = hub.propose("promote", STAGES.format(2))
    hub.main()
    ran = hub.team.run("github", "plan", head, uri="sqlite:////nowhere/mlflow.db")
    assert ran.code == 1 and "error:" in ran.err
    assert hub.status(head) == ("failure", "The plan could not be made; its run says why.")
    hub.api.fail("POST .*/comments", 403, "Resource not accessible by integration")
    ran = hub.plan(head)
    assert ran.code == 1 and "may not comment" in ran.err and hub.status(head)[0] == "failure"
    assert "actions-token" not in ran.out + ran.err


def test_in_a_locked_conversation_the_status_shows_the_plan(hub: Hub, tmp_path: Path) -> None:
    number, head = hub.propose("promote", STAGES.format(2))
    hub.repo.pull(number).locked = True
    ran = hub.plan(head)
    assert ran.code == 0 and f"#{number} is locked" in ran.err, ran.err
    assert hub.status(head)[0] == "success" and "Plan" in hub.status(head)[1], hub.status(head)
    assert "churn" in (tmp_path / "STEP_SUMMARY").read_text()
