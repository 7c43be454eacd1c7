"""Overrides that nobody approved."""

from __future__ import annotations

import pytest

from tests.support.attacks.company import POLICY, Company
from tests.support.github_state import Method

LINE = "Gate-Override: tags: INC-42"


@pytest.mark.parametrize("method", ["squash", "merge"])
@pytest.mark.parametrize("line", [LINE, "Gate-Override: [churn/Production] tags: INC-42"])
def test_override_typed_in_the_merge_dialog(company: Company, method: Method, line: str) -> None:
    number = company.propose(3)
    company.github.review(number, "bob")
    company.merge(number, method, typed=line)
    assert "validation" in company.refused()
    [model] = company.team.run("plan", "--format", "json").json["models"]
    assert f"no commit of #{number} that was approved has this line" in " ".join(model["notes"])


@pytest.mark.parametrize("way", ["commit", "amend"])
@pytest.mark.parametrize("method", ["squash", "merge", "rebase"])
def test_override_added_after_the_approval(company: Company, method: Method, way: str) -> None:
    """The manifest stays as approved, so the approval counts; what was added since does not."""
    number = company.propose(3)
    company.github.review(number, "bob")
    if way == "amend":
        company.team.git("commit", "-q", "--amend", "-m", f"Promote\n\n{LINE}")
    else:
        company.commit(f"Words\n\n{LINE}")
    company.push("promote")
    company.merge(number, method)
    assert "validation" in company.refused()


@pytest.mark.parametrize("method", ["squash", "merge"])
def test_override_approved_by_too_few(company: Company, method: Method) -> None:
    """Two people must approve, and one of them saw the line."""
    company.team.write("policy.yaml", POLICY.replace("approvals: 1", "approvals: 2"))
    company.commit("Four eyes")
    company.push("main")
    company.main()
    assert company.reconcile().code == 0
    company.github.user("dave", "write")
    number = company.propose(3)
    company.github.review(number, "bob")
    company.commit(f"Words\n\n{LINE}")
    company.push("promote")
    company.github.review(number, "dave")
    company.merge(number, method)
    assert "validation" in company.refused()
