"""The record itself is attacked: receipts that are deleted, older states that are put back. The
next run heals MLflow, and not the record: that stays a finding until a commit on the main branch
acknowledges it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mlflow_gitops.edges.git.repository import Git
from tests.support.attacks.company import MODEL, Company
from tests.support.receipts import edited, receipts_in, record, rewrite_receipts


def assert_open(company: Company, *fields: str) -> None:
    """Before and after each of the next reconciles, until somebody acknowledges it."""
    for _ in range(2):
        assert company.reconcile("--push-receipts").code == 0
        assert company.found_by_verify() == set(fields)
    company.acknowledge()
    assert company.found_by_verify() == set()
    company.reconcile("--push-receipts")
    ran = company.team.run("verify")
    assert ran.code == 0 and "carol <carol@example.org>, as " in ran.out, "shown, as a claim"


# -- each does something that a run heals and records --------------------------------------------


def move_alias(company: Company) -> None:
    company.client.set_registered_model_alias(MODEL, "production", "3")


def move_stage(company: Company) -> None:
    company.client.transition_model_version_stage(MODEL, "3", "Production")


def forge_held_stamp(company: Company) -> None:
    company.client.set_model_version_tag(MODEL, "3", "gitops.held.Production", "x")


@pytest.mark.parametrize("incident", [move_alias, move_stage, forge_held_stamp])
def test_newest_receipt_deleted(company: Company, incident: Callable[[Company], None]) -> None:
    """The receipt of a healed incident is taken away, so that the incident never was."""
    before = company.receipts_state()
    incident(company)
    assert company.reconcile("--push-receipts").json["summary"]["changes"]
    company.set_receipts(before)
    assert company.found_by_verify() == {"receipt"}
    assert_open(company, "receipt")


@pytest.mark.parametrize("incident", [move_alias, move_stage, forge_held_stamp])
def test_receipt_deleted_among_others(
    company: Company, incident: Callable[[Company], None]
) -> None:
    """As above, after later runs stamped their own receipts. The chain and the counter show it."""
    incident(company)
    assert company.reconcile("--push-receipts").json["receipt"]
    company.promote(2)
    assert company.reconcile("--push-receipts").code == 0
    receipts = receipts_in(company.team.folder)
    others = [receipt.text for receipt in (*receipts[:-2], receipts[-1])]
    rewrite_receipts(company.team.folder, others)
    company.set_receipts(company.receipts_state())
    assert "receipts" in company.found_by_verify()
    assert_open(company, "receipts")


@pytest.mark.parametrize("incident", [move_alias, move_stage, forge_held_stamp])
def test_all_receipts_deleted(company: Company, incident: Callable[[Company], None]) -> None:
    """The next run writes what is missing as recovered, which nothing turns into what was lost."""
    incident(company)
    company.reconcile("--push-receipts")
    company.set_receipts(None)
    assert {"receipt", "receipts", "commit"} <= company.found_by_verify()
    company.reconcile("--push-receipts")
    fields = company.found_by_verify()
    assert {"receipt", "recovered"} <= fields and "commit" not in fields


def put_back(company: Company, tags: dict[str, str], versions: dict[str, dict[str, str]]) -> None:
    """Put the model's tags, and those of its versions, to what they once were."""
    for key, value in tags.items():
        company.client.set_registered_model_tag(MODEL, key, value)
    for number, own in versions.items():
        for key in company.client.get_model_version(MODEL, number).tags:
            if key not in own:
                company.client.delete_model_version_tag(MODEL, number, key)
        for key, value in own.items():
            company.client.set_model_version_tag(MODEL, number, key, value)


@pytest.mark.parametrize("what", ["all", "without the receipt", "the commit alone"])
def test_older_state_replayed(company: Company, what: str) -> None:
    """EDIT is enough to put the version of yesterday into Production, with yesterday's stamps."""
    client = company.client
    tags = dict(client.get_registered_model(MODEL).tags)
    versions = {n: dict(client.get_model_version(MODEL, n).tags) for n in ("1", "2")}
    company.promote(2)
    assert company.reconcile("--push-receipts").code == 0

    client.transition_model_version_stage(MODEL, "1", "Production")
    client.transition_model_version_stage(MODEL, "2", "Archived")
    client.set_registered_model_alias(MODEL, "production", "1")
    if what == "the commit alone":
        tags, versions = {"gitops.commit": tags["gitops.commit"]}, {}
    elif what == "without the receipt":
        del tags["gitops.receipt"]
    put_back(company, tags, versions)
    assert "commit" in company.found_by_verify()
    company.reconcile("--push-receipts")
    assert company.production() == {2}
    assert_open(company, "replayed")


def test_acknowledgement_that_nobody_approved(company: Company) -> None:
    """Who forges the record could also say that it may stand: where the policy asks for approvals,
    a line counts only with those of others, given to a head that has it."""
    true = receipts_in(company.team.folder)[-1]
    text = edited(true, previous=true.digest, count=true.content["count"] + 1, policy="f" * 40)
    record(Git(company.team.folder), true.commit, text)
    lines = company.lines_to_acknowledge("it is fine")

    company.main()
    company.commit(f"Pushed\n\n{lines}", "carol")
    company.push("main")
    assert company.found_by_verify() == {"contradicted"}

    number = company.propose_acknowledgement("approved by its author", by="alice")
    company.github.review(number, "carol")
    company.merge(number, "merge")
    assert company.found_by_verify() == {"contradicted"}

    company.branch("other")
    company.team.write("README.md", "Words")
    company.commit("Words", "carol")
    company.push("other")
    number = company.github.open_pull("other", user="carol").number
    company.github.review(number, "bob")
    company.merge(number, "squash", typed=f"\n\n{lines}")
    ran = company.team.run("verify")
    assert ran.code == 4 and "claims, which does not count: 0 of 1 approval" in ran.out

    company.acknowledge()
    ran = company.team.run("verify", "--format", "json")
    assert ran.code == 0 and ran.json["acknowledged"][0]["approved_by"] == ["@bob"]
