"""Approvals that must come from a team."""

from __future__ import annotations

import pytest

from tests.support.attacks.company import POLICY, Company
from tests.support.github_state import Method

OF = "{{count: {}, of: ['@acme/model-validation']}}"


def ask_the_team(company: Company, count: int = 1, *members: str) -> None:
    """The policy asks for approvals of the team, and this is in force."""
    company.github.teams["model-validation"] = set(members)
    company.team.write(
        "policy.yaml", POLICY.replace("approvals: 1", f"approvals: {OF.format(count)}")
    )
    company.commit("The validators approve")
    company.push("main")
    company.main()
    assert company.reconcile().code == 0


@pytest.mark.parametrize("members", [("carol",), ()])
def test_approval_of_another_team(company: Company, members: tuple[str, ...]) -> None:
    ask_the_team(company, 1, *members)
    number = company.propose()
    company.github.review(number, "bob")
    company.merge(number)
    why = company.refused()
    assert "0 of 1 approval of @acme/model-validation" in why
    assert "@bob is not one of @acme/model-validation" in why


@pytest.mark.parametrize("count", [1, 2])
def test_own_approval_of_a_member(company: Company, count: int) -> None:
    """Alice is a member of the team, and promotes her own model."""
    ask_the_team(company, count, "alice", "bob")
    number = company.propose(by="carol")
    company.github.review(number, "alice")
    if count == 2:
        company.github.review(number, "bob")
    company.merge(number, by="carol")
    assert "@alice is an author of it" in company.refused()


@pytest.mark.parametrize("hidden", ["unknown", "403", "404"])
def test_team_that_cannot_be_read(company: Company, hidden: str) -> None:
    ask_the_team(company, 1, "bob")
    if hidden == "unknown":
        del company.github.teams["model-validation"]
    number = company.propose()
    company.github.review(number, "bob")
    company.merge(number)
    if hidden != "unknown":
        company.api.fail("/teams/", int(hidden), "Resource not accessible", times=9)
    why = company.refused()
    assert "the members of @acme/model-validation" in why and "Members: read" in why
    found = company.team.run("doctor", "--format", "json").json["findings"]
    checks = {check["check"]: check["status"] for check in found if check["area"] == "policy"}
    assert checks["approvers @acme/model-validation"] == "missing"


@pytest.mark.parametrize("method", ["squash", "merge", "rebase"])
def test_members_of_the_team_approve(company: Company, method: Method) -> None:
    """No attack: of a team over several pages, two approve."""
    ask_the_team(company, 2, "bob", "carol", *(f"member-{number}" for number in range(250)))
    for number in range(250):
        company.github.user(f"member-{number}")
    number = company.propose()
    company.github.review(number, "bob")
    head = company.github.pull(number).head
    company.main()
    assert company.team.run("github", "plan", head).code == 0
    [comment] = company.github.pull(number).comments
    assert "needs 2 approvals of" in comment.body and "model-validation" in comment.body
    company.github.review(number, "carol")
    company.merge(number, method, by="alice")
    ran = company.reconcile()
    assert ran.code == 0 and company.production() == {2}, ran.out
