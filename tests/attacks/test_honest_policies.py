"""Honest changes of the policy: approved ones count, and nothing stands in the way of others."""

from __future__ import annotations

from tests.attacks.company import POLICY, Company

LOOSE = POLICY.replace(", require: {tags: {validation: passed}}", "")
OPEN = "stages: {Production: {alias: production}}\n"


def test_policy_approved_later(company: Company) -> None:
    """An approved change of the policy makes up for the one before it."""
    company.push_policy(LOOSE)
    assert company.reconcile().code == 0
    number = company.propose_policy(LOOSE + "drift: heal\n")
    company.github.review(number, "bob")
    company.merge(number)
    assert company.reconcile().code == 0
    company.promote()
    assert company.notices() == ""
    assert company.reconcile().code == 0 and company.production() == {3}


def test_tighter_policy_counts_at_once(company: Company) -> None:
    """What an unapproved policy asks is asked beside what the policy before it asks."""
    company.push_policy(POLICY.replace("passed}", "passed, bias: checked}"))
    assert company.reconcile().code == 0
    company.promote(2)
    assert "bias" in company.refused()


def test_policy_without_approvals_is_changed_freely(company: Company) -> None:
    number = company.propose_policy(OPEN)
    company.github.review(number, "bob")
    company.merge(number)
    assert company.reconcile().code == 0
    company.push_policy(OPEN.replace("production}", "production, soak: 0s}"))
    company.push_policy(OPEN)
    assert company.reconcile().code == 0
    company.write(3)
    company.commit("Promote")
    company.push("main")
    company.main()
    assert company.reconcile().code == 0 and company.production() == {3}
