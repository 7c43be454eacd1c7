"""Approvals at reconcile, and what is recorded of them (RULES R3, R6)."""

from __future__ import annotations

import pytest

from tests.support.github.hub import POLICY, STAGES, Hub
from tests.support.github_state import Method


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_an_approved_pull_request_is_reconciled_and_recorded(hub: Hub, method: Method) -> None:
    number, _ = hub.propose("promote", STAGES.format(2))
    hub.repo.review(number, "bob")
    hub.repo.merge(number, method, by="carol")
    sha = hub.main()
    ran = hub.reconcile()
    assert ran.code == 0, ran.out + ran.err
    assert hub.production() == 2
    people = [
        {
            "commit": sha,
            "pr": number,
            "pr_source": "api",
            "merged_by": "@carol",
            "approved_by": ["@bob"],
        }
    ]
    recorded = hub.recorded(sha)["people"]
    assert [review["by"] for review in recorded[0].pop("reviews")] == ["@bob"]
    took_part = [(person["part"], person["by"]) for person in recorded[0].pop("participants")]
    assert took_part == [("opened", "@alice"), ("merged", "@carol")]
    assert recorded == people
    tags = hub.tags(2)
    assert (tags["gitops.pr"], tags["gitops.approved_by"], tags["gitops.commit"]) == (
        str(number),
        "@bob",
        sha,
    )
    asked = len(hub.api.requests)
    assert hub.reconcile().json["summary"]["unchanged"] == 1
    assert len(hub.api.requests) == asked, "nothing depends on GitHub any more"
    assert hub.tags(2) == tags
    [event] = [
        one for one in hub.team.run("log", "churn", "--format", "json").json if one["commit"] == sha
    ]
    assert (event["pr"], event["approved_by"], event["approved_by_source"]) == (
        number,
        ["@bob"],
        "receipt",
    )


@pytest.mark.parametrize(
    ("reviewer", "why"),
    [
        (None, "0 of 1 approval: nobody has reviewed #1"),
        ("reader", "0 of 1 approval: @reader has no write permission (read)"),
        ("robot[bot]", "0 of 1 approval: @robot[bot] is no person"),
    ],
)
def test_without_an_approval_that_counts_it_is_refused(
    hub: Hub, reviewer: str | None, why: str
) -> None:
    number, _ = hub.propose("promote", STAGES.format(2))
    hub.repo.user("reader", "read")
    hub.repo.user("robot[bot]", "write", kind="Bot")
    if reviewer:
        hub.repo.review(number, reviewer)
    hub.repo.merge(number, "squash", by="carol")
    hub.main()
    ran = hub.reconcile()
    assert ran.code == 4 and why in ran.json["models"][0]["refusals"][0]["detail"]
    assert hub.production() == 1


def test_a_direct_push_with_the_number_of_another_is_refused(hub: Hub) -> None:
    number, _ = hub.propose("harmless", STAGES.format(1) + "description: Words\n")
    hub.repo.review(number, "bob")
    hub.repo.merge(number, "squash", by="carol")
    hub.main()
    pushed = hub.team.commit(f"Promote (#{number})", churn=STAGES.format(2))
    hub.push("main")
    ran = hub.reconcile()
    assert ran.code == 4
    assert (
        f"no pull request merged into main made {pushed[:7]}"
        in ran.json["models"][0]["refusals"][0]["detail"]
    )


def test_a_merge_made_by_hand_that_says_something_else_is_refused(hub: Hub) -> None:
    number, _ = hub.propose("promote", STAGES.format(2))
    hub.repo.review(number, "bob")
    hub.main()
    hub.team.git("merge", "-q", "--no-ff", "--no-commit", "promote")
    hub.team.commit("Merge pull request #1 from acme/promote", churn=STAGES.format(3))
    hub.push("main")
    ran = hub.reconcile()
    assert ran.code == 4 and hub.production() == 1
    why = f"the commit that merged #{number} puts 3 in Production, which #{number} does not"
    assert why in ran.json["models"][0]["refusals"][0]["detail"]


def test_a_branch_behind_main_is_merged_with_what_main_has(hub: Hub) -> None:
    text = "name: churn\ndescription: {}\ntags:\n  a: b\n  c: d\nstages:\n  Production: {}\n"
    hub.main()
    hub.team.commit("Longer", churn=text.format("Old", 1))
    hub.push("main")
    number, _ = hub.propose("promote", text.format("Old", 2))
    hub.repo.review(number, "bob")
    hub.main()
    hub.team.commit("Meanwhile", churn=text.format("New", 1))
    hub.push("main")
    hub.repo.merge(number, "merge", by="carol")
    hub.main()
    assert hub.reconcile().code == 0 and hub.production() == 2


def test_a_silent_github_refuses_and_what_it_said_before_stays(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, _ = hub.propose("promote", STAGES.format(2))
    hub.repo.review(number, "bob")
    hub.repo.merge(number, "squash", by="carol")
    hub.main()
    monkeypatch.setenv("GITHUB_API_URL", "http://127.0.0.1:9")
    ran = hub.reconcile()
    assert (
        ran.code == 4 and "could not be reached" in ran.json["models"][0]["refusals"][0]["detail"]
    )
    monkeypatch.setenv("GITHUB_API_URL", hub.api.url)
    assert hub.reconcile().code == 0
    before = hub.tags(2)
    # Something moves again, and GitHub is silent: the stamps of the commit that it vouched for are
    # as they were.
    monkeypatch.setenv("GITHUB_API_URL", "http://127.0.0.1:9")
    hub.team.commit("Words", churn=STAGES.format(2) + "description: Words\n")
    hub.push("main")
    assert hub.reconcile().code == 0
    assert hub.tags(2) == before and before["gitops.approved_by"] == "@bob"
    # A model that is taken as new needs its approvals again: a silent GitHub refuses it, and the
    # stamps stay.
    silent = hub.team.run("reconcile", "churn", "--adopt", "--yes")
    assert silent.code == 4 and "could not be reached" in silent.out, silent.out
    assert hub.tags(2) == before and hub.production() == 2
    monkeypatch.setenv("GITHUB_API_URL", hub.api.url)
    assert hub.team.run("reconcile", "churn", "--adopt", "--yes").code == 0
    assert {k: v for k, v in hub.tags(2).items() if "held" not in k} == {
        k: v for k, v in before.items() if "held" not in k
    }


def test_without_github_the_message_is_all_there_is(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_TOKEN")
    sha = hub.team.commit(
        "Stage it (#41)", churn="name: churn\nstages: {Production: 1, Staging: 2}\n"
    )
    hub.push("main")
    assert hub.reconcile().code == 0
    [known] = hub.recorded(sha)["people"]
    assert known == {
        "commit": sha,
        "pr": 41,
        "pr_source": "message",
        "merged_by": None,
        "approved_by": [],
    }
    assert hub.tags(2)["gitops.pr"] == "41 (claimed)" and "gitops.approved_by" not in hub.tags(2)
    hub.team.commit("Promote", churn=STAGES.format(2))
    hub.push("main")
    ran = hub.reconcile()
    assert ran.code == 4
    detail = ran.json["models"][0]["refusals"][0]["detail"]
    assert "the forge is not configured" in detail


def test_approvals_from_messages_are_claims(hub: Hub) -> None:
    hub.team.git("checkout", "-q", "-b", "messages")
    hub.team.write(
        "policy.yaml", POLICY.replace("approvals: 1", "approvals: {count: 1, from: message}")
    )
    hub.team.commit("Believe messages")
    hub.push("messages")
    number = hub.repo.open_pull("messages", "Believe messages", user="alice").number
    hub.repo.review(number, "bob")
    hub.repo.merge(number, "squash", by="carol")
    hub.main()
    assert hub.reconcile().code == 0
    hub.team.commit("Promote\n\nApproved-by: A Person <a@example.org>", churn=STAGES.format(2))
    hub.push("main")
    ran = hub.reconcile()
    assert (
        ran.code == 4 and "took part in making it" in ran.json["models"][0]["refusals"][0]["detail"]
    )
    hub.team.git("checkout", "-q", "-b", "work")
    hub.team.commit("The work\n\n* Approved-by: B Person <b@example.org>", churn=STAGES.format(3))
    hub.team.git("checkout", "-q", "main")
    hub.team.git("merge", "-q", "--no-ff", "-m", "Merge the work", "work")
    hub.push("main")
    ran = hub.reconcile()
    assert ran.code == 0, ran.out
    [gate] = [one for one in ran.json["models"][0]["gates"] if one["gate"] == "approvals"]
    assert gate["detail"] == "claimed in the message: approved by B Person <b@example.org>"
    assert hub.production() == 3 and "gitops.approved_by" not in hub.tags(3)
