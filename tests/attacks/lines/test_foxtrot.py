"""A push after `git pull` on main makes the pushed side the first parent. What it brings was not
reviewed, and needs the same approvals (RULES R1, R3)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.attacks.company import POLICY, Company

NO_TAGS = POLICY.replace(", require: {tags: {validation: passed}}", "")
# Git merges a change of the stages with one of the last line.
TAGS = "tags:\n  a: x\n  b: x\n  c: x\n  d: x\n"
WORDS = TAGS + "description: Words\n"
NO_APPROVALS = NO_TAGS.replace("approvals: 1", "approvals: 0")


@pytest.fixture
def rules(company: Company) -> str:
    """The commit that alice has when she last pulled. Main is one reconciled commit ahead of it."""
    company.team.write("policy.yaml", NO_TAGS)
    company.write(1, TAGS)
    company.commit("The rules")
    company.push("main")
    start = company.main()
    assert company.reconcile().code == 0
    company.write(1, WORDS)
    company.commit("Words", "carol")
    company.push("main")
    company.main()
    assert company.reconcile().code == 0
    return start


def pull_and_push(company: Company) -> None:
    """`git pull` merges main into alice's own commits; then she pushes to main."""
    company.team.git("merge", "-q", "--no-edit", "origin/main")
    company.push("main")
    company.main()


def promote(company: Company) -> None:
    company.write(2, TAGS)
    company.commit("Promote")


def _promote_alone(company: Company, start: str) -> None:
    company.team.git("checkout", "-q", "-B", "own", start)
    promote(company)
    pull_and_push(company)


def _promote_and_go_on(company: Company, start: str) -> None:
    """Main is fast-forwarded to a branch that has merged it and went on."""
    company.team.git("checkout", "-q", "-B", "own", start)
    promote(company)
    company.team.git("merge", "-q", "--no-edit", "origin/main")
    (company.team.folder / "README.md").write_text("Words.\n")
    company.commit("More words")
    company.push("main")
    company.main()


def _loosen_the_policy_first(company: Company, start: str) -> None:
    company.team.git("checkout", "-q", "-B", "own", start)
    company.team.write("policy.yaml", NO_APPROVALS)
    company.commit("No approvals")
    promote(company)
    pull_and_push(company)


def _pull_twice(company: Company, start: str) -> None:
    company.team.git("checkout", "-q", "-B", "own", start)
    promote(company)
    company.team.git("merge", "-q", "--no-edit", "origin/main~1")
    company.team.git("merge", "-q", "--no-edit", "origin/main")
    pull_and_push(company)


@pytest.mark.parametrize(
    "push", [_promote_alone, _promote_and_go_on, _loosen_the_policy_first, _pull_twice]
)
def test_push_after_a_pull_on_main(
    company: Company, rules: str, push: Callable[[Company, str], None]
) -> None:
    before = company.team.git("rev-parse", "origin/main")
    push(company, rules)
    first_parents = company.team.git("rev-list", "--first-parent", "origin/main").split()
    assert before not in first_parents
    assert "0 of 1 approval: no pull request merged into main made" in company.refused()
    assert "changed the first parents" in company.team.run("plan").out
    assert company.found_by_verify() == set()


@pytest.mark.parametrize("is_reconciled", [True, False])
def test_an_honest_push_after_a_pull(company: Company, rules: str, is_reconciled: bool) -> None:
    """What was approved before such a push still passes."""
    number = company.propose(2, more=WORDS)
    company.github.review(number, "bob")
    company.merge(number, "squash")
    if is_reconciled:
        assert company.reconcile().code == 0

    company.team.git("checkout", "-q", "-B", "own", rules)
    (company.team.folder / "README.md").write_text("Words.\n")
    company.commit("Words of alice")
    pull_and_push(company)
    assert company.reconcile().code == 0 and company.production() == {2}


def test_an_honest_pull_request_after_a_pull_on_main(company: Company, rules: str) -> None:
    """A later pull request shows the warning, and is judged as usual."""
    company.team.git("checkout", "-q", "-B", "own", rules)
    (company.team.folder / "README.md").write_text("Words.\n")
    company.commit("Words of alice")
    pull_and_push(company)

    company.branch("promote")
    number = company.propose(2, more=WORDS)
    company.main()
    head = company.github.pull(number).head
    assert company.team.run("github", "plan", head).code == 0
    [comment] = company.github.pull(number).comments
    assert "changed the first parents" in comment.body and "needs 1 approval" in comment.body
    company.merge(number, "merge")
    assert "0 of 1 approval: nobody has reviewed #1" in company.refused()
    assert "changed the first parents" in company.team.run("plan").out
