"""A change of the policy counts once it was approved; until then the policy before it judges."""

from __future__ import annotations

import pytest

from tests.support.attacks.company import POLICY, Company
from tests.support.github_state import Method

LOOSE = POLICY.replace(", require: {tags: {validation: passed}}", "")
METHODS = pytest.mark.parametrize("method", ["squash", "merge"])
OPEN = "stages: {Production: {alias: production}}\n"


@pytest.mark.parametrize("method", ["rebase", "merge", "squash"])
def test_policy_loosened_without_approval(company: Company, method: Method) -> None:
    company.merge(company.propose_policy(LOOSE), method)
    ran = company.reconcile()
    assert ran.code == 0 and "does not count yet" in ran.err
    company.promote()
    assert "nobody has reviewed #1" in company.notices()
    assert "validation" in company.refused()
    assert "validation" in company.refused(), "waiting changes nothing"


@pytest.mark.parametrize("policies", [[LOOSE], [OPEN], [POLICY.replace("1,", "0,"), OPEN]])
def test_policy_loosened_by_a_push(company: Company, policies: list[str]) -> None:
    """Also in two steps, the first of which leaves nothing that asks for approvals."""
    for policy in policies:
        company.push_policy(policy)
        assert company.reconcile().code == 0
    company.promote()
    assert "no pull request merged into main made" in company.notices()
    assert "validation" in company.refused()


@METHODS
def test_policy_approved_before_it_was_changed(company: Company, method: Method) -> None:
    """The approval is of an older head, with another policy."""
    number = company.propose_policy(POLICY + "drift: heal\n")
    company.github.review(number, "bob")
    company.team.write("policy.yaml", LOOSE)
    company.commit("More rules")
    company.push("rules")
    company.merge(number, method)
    assert company.reconcile().code == 0
    company.promote()
    assert "validation" in company.refused()


@METHODS
def test_policy_approved_after_the_merge(company: Company, method: Method) -> None:
    number = company.propose_policy(LOOSE)
    company.merge(number, method)
    company.github.review(number, "bob")
    assert company.reconcile().code == 0
    company.promote()
    assert "validation" in company.refused()


def test_policy_swapped_in_a_merge_made_by_hand(company: Company) -> None:
    number = company.propose_policy(POLICY + "drift: heal\n")
    company.github.review(number, "bob")
    company.main()
    company.team.git("merge", "-q", "--no-ff", "--no-commit", "origin/rules")
    company.team.write("policy.yaml", LOOSE)
    company.commit("Merge pull request #1 from acme/rules")
    company.push("main")
    company.main()
    assert company.reconcile().code == 0
    company.promote()
    assert "has another policy, which #1 does not" in company.notices()
    assert "validation" in company.refused()


def test_policy_needs_the_strictest_approvals(company: Company) -> None:
    """One approval is enough for Production, and not for what asks for two."""
    strict = POLICY.replace("alias: staging", "alias: staging, approvals: 2")
    number = company.propose_policy(strict)
    company.github.review(number, "bob")
    company.merge(number)
    assert company.reconcile().code == 0
    number = company.propose_policy(LOOSE)
    company.github.review(number, "bob")
    company.merge(number)
    assert company.reconcile().code == 0
    company.promote()
    assert "1 of 2 approvals" in company.notices()
    assert "validation" in company.refused()


def test_policy_whose_approval_cannot_be_read(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An approved policy does not count without a forge that says so."""
    number = company.propose_policy("stages: {Production: {alias: production}}\n")
    company.github.review(number, "bob")
    company.merge(number)
    assert company.reconcile().code == 0
    company.write(3)
    company.commit("Promote")
    company.push("main")
    company.main()
    with monkeypatch.context() as away:
        away.delenv("GITHUB_TOKEN")
        assert "cannot be read" in company.notices()
        assert "validation" in company.refused()
    assert company.reconcile().code == 0 and company.production() == {3}


@pytest.mark.parametrize(
    ("policy", "rules"),
    [
        (LOOSE, {("Production", "tags", "loosened")}),
        (
            POLICY.replace("approvals: 1", "protected: false"),
            {("Production", "approvals", "loosened"), ("Production", "protected", "loosened")},
        ),
        (
            POLICY + "models: [{match: 'ch*', stages: {Production: {approvals: null}}}]\n",
            {("Production", "approvals", "loosened")},
        ),
        (OPEN + "aliases: {only: []}\n", {("Production", "approvals", "loosened")}),
    ],
)
def test_policy_loosened_in_silence(
    company: Company, policy: str, rules: set[tuple[str, str, str]]
) -> None:
    """A pull request that changes the policy alone: the plan shows which gates fall for whom, and
    what approvals are missing, as text, JSON and comment."""
    number = company.propose_policy(policy)
    head = company.github.pull(number).head
    company.main()
    args = ("plan", "--rev", head, "--onto", "main")
    shown = company.team.run(*args, "--format", "json").json["policy"]
    changed = {(one["stage"], one["rule"], one["direction"]) for one in shown["changes"]}
    assert rules <= changed and "needs 1 approval" in shown["missing"]
    assert {one["count"] for one in shown["changes"] if one["stage"] == "Production"} == {1}
    text = company.team.run(*args).out
    assert company.team.run("github", "plan", head).code == 0
    [comment] = company.github.pull(number).comments
    for page in (text, comment.body):
        assert all(rule in page and "loosened" in page for _, rule, _ in rules), page
        assert "needs 1 approval" in page
