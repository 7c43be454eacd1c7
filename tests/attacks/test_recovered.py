"""Work that no receipt explains: recovering a receipt for it does not make it approved."""

from __future__ import annotations

import pytest

from tests.support.attacks.company import MODEL, POLICY, Company

TAGS_ONLY = POLICY.replace("approvals: 1, ", "")
FROM = TAGS_ONLY.replace("require: {tags: {validation: passed}}", "from: [Staging]")


def force(company: Company, sha: str, version: int = 3) -> None:
    """Do by hand what was refused, stamps included, as somebody with EDIT can."""
    client = company.client
    client.transition_model_version_stage(MODEL, str(version), "Production")
    client.transition_model_version_stage(MODEL, "1", "Archived")
    client.set_registered_model_alias(MODEL, "production", str(version))
    client.set_registered_model_tag(MODEL, "gitops.commit", sha)
    client.set_model_version_tag(MODEL, str(version), "gitops.commit", sha)
    time = client.get_registered_model(MODEL).tags["gitops.at"]
    client.set_model_version_tag(MODEL, str(version), "gitops.held.Production", f"{sha}@{time}")


def promote(company: Company, version: int, *, approved: bool) -> str:
    number = company.propose(version)
    if approved:
        company.github.review(number, "bob")
    return company.merge(number)


@pytest.mark.parametrize(
    ("policy", "gate"),
    [(TAGS_ONLY, "tags"), (POLICY, "tags"), (FROM, "from")],
    ids=["tags", "tags and approvals", "from"],
)
def test_refused_promotion_forced_and_recovered(company: Company, policy: str, gate: str) -> None:
    """The next run writes the receipt that seems to be missing. It judges what it finds: `verify`
    does not turn green, and the version is no rollback afterwards."""
    if policy != POLICY:
        company.approve_policy(policy, "--push-receipts")
    sha = promote(company, 3, approved=True)
    company.refused("--push-receipts")
    force(company, sha)
    assert company.found_by_verify()

    ran = company.reconcile("--push-receipts")
    assert f"3 came to Production, and it does not pass {gate}" in ran.err
    for _ in range(2):
        assert "gates 3 Production" in company.found_by_verify()
        assert company.reconcile("--push-receipts").code == 0

    company.write(3, "description: Words\n")
    company.commit("Words", "bob")
    company.push("main")
    company.main()
    company.reconcile("--push-receipts")
    assert "gates 3 Production" in company.found_by_verify(), "later receipts change nothing"

    promote(company, 1, approved=True)
    assert company.reconcile("--push-receipts").code == 0 and company.production() == {1}
    promote(company, 3, approved=True)
    assert "3 may not enter" in company.refused("--push-receipts"), "judged like a new version"


@pytest.mark.parametrize("later", ["description: Words\n", "tags: {team: a}\n"])
def test_refused_promotion_forced_and_passed_over(company: Company, later: str) -> None:
    """A run that recovers nothing reconciles a later commit. That the version was there proves
    nothing either."""
    company.approve_policy(TAGS_ONLY)
    sha = promote(company, 3, approved=False)
    company.refused()
    force(company, sha)
    company.write(3, later)
    company.commit("More")
    company.push("main")
    company.main()
    company.reconcile()
    promote(company, 1, approved=False)
    assert company.reconcile().code == 0 and company.production() == {1}
    promote(company, 3, approved=False)
    assert "3 may not enter" in company.refused()
