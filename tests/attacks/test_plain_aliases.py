"""Aliases that services load, and that no stage owns: `aliases: {champion: {as: Production}}`."""

from __future__ import annotations

import pytest

from tests.support.attacks.company import MODEL, POLICY, Company

GATED = POLICY + "aliases: {champion: {as: Production}}\n"


def gate_the_alias(company: Company, policy: str = GATED) -> None:
    """The policy, approved and reconciled."""
    number = company.propose_policy(policy)
    company.github.review(number, "bob")
    company.merge(number)
    assert company.reconcile().code == 0


def alias_of(company: Company, alias: str = "champion") -> int | None:
    found = company.client.get_registered_model(MODEL).aliases.get(alias)
    return int(found) if found is not None else None


def give(company: Company, version: int, alias: str = "champion") -> None:
    """Give the alias to a version in an approved pull request."""
    company.branch("alias")
    company.write(1, f"aliases: {{{alias}: {version}}}\n")
    company.commit("Our alias")
    company.push("alias")
    number = company.github.open_pull("alias", user="alice").number
    company.github.review(number, "bob")
    company.merge(number)


@pytest.mark.parametrize("alias", ["champion", "Champion"])
def test_plain_alias_that_services_load(company: Company, alias: str) -> None:
    gate_the_alias(company)
    company.write(1, f"aliases: {{{alias}: 3}}\n")
    company.commit("Our alias")
    company.push("main")
    company.main()
    why = company.refused()
    assert "3 may not get the alias" in why and "validation" in why and "approval" in why
    assert alias_of(company, alias) is None


@pytest.mark.parametrize("way", ["one push", "two pushes"])
def test_gates_of_a_plain_alias_dropped(company: Company, way: str) -> None:
    gate_the_alias(company)
    company.team.write("policy.yaml", POLICY)
    company.commit("Free aliases")
    if way == "two pushes":
        company.push("main")
        assert company.reconcile().code == 0
    company.write(1, "aliases: {champion: 3}\n")
    company.commit("Our alias")
    company.push("main")
    company.main()
    assert (
        "3 may not get the alias champion, which has the gates of Production" in company.refused()
    )


def test_an_honest_plain_alias(company: Company) -> None:
    """To a validated version, on to the one in Production, and back: a rollback by receipts."""
    gate_the_alias(company, GATED.replace("approvals: 1", "approvals: 1, from: [Staging]"))
    give(company, 1)
    ran = company.reconcile()
    assert ran.code == 0 and alias_of(company) == 1, ran.out
    give(company, 2)
    assert "2 was not in Staging before" in company.refused()


def test_alias_taken_along_by_a_refused_promotion(company: Company) -> None:
    """`promote` takes the alias along; Production's gates refuse both."""
    gate_the_alias(company, GATED.replace("{champion", "{only: [Production], champion"))
    give(company, 1)
    assert company.reconcile().code == 0 and alias_of(company) == 1
    ran = company.team.run("promote", MODEL, "3", "Production", "--no-pin", "--commit")
    assert ran.code == 0 and "alias champion: 1 → 3, since the policy" in ran.err, ran.err
    company.push("main")
    company.main()
    why = company.refused()
    assert "3 may not enter Production" in why and "3 may not get the alias champion" in why
    assert alias_of(company) == 1


def test_a_rollback_of_a_plain_alias(company: Company) -> None:
    gate_the_alias(company)
    for version in (2, 1):
        give(company, version)
        ran = company.reconcile()
        assert ran.code == 0 and alias_of(company) == version, ran.out
    give(company, 2)
    assert company.reconcile().code == 0 and alias_of(company) == 2
