"""Held stamps and receipts: what MLflow shows of the past is believed only if a receipt says it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mlflow_gitops.core.audit import receipt_format
from mlflow_gitops.core.gates.gate import Finding
from mlflow_gitops.core.verdicts import judge_entries
from mlflow_gitops.core.verdicts.entry_tenures import EntryTenures
from tests.support.attacks.company import MODEL, POLICY, Company
from tests.support.receipts import drop_receipts, receipts_in

HELD = "gitops.held.Production"


def stamp_of(company: Company, version: int) -> str | None:
    return company.client.get_model_version(MODEL, str(version)).tags.get(HELD)


def set_stamp(company: Company, version: int, stamp: str) -> int:
    company.client.set_model_version_tag(MODEL, str(version), HELD, stamp)
    return version


# -- forms of a wrong stamp: each returns the version that carries it ------------------------------


def of_no_receipt(company: Company) -> int:
    """A commit and a time that look right, on a version that never held the stage."""
    return set_stamp(company, 3, f"{company.main()}@2026-01-01T00:00:00Z")


def of_another_version(company: Company) -> int:
    return set_stamp(company, 3, stamp_of(company, 1) or "")


def put_back(company: Company) -> int:
    sha = (stamp_of(company, 1) or "").partition("@")[0]
    return set_stamp(company, 1, f"{sha}@2026-01-01T00:00:00Z")


def put_forward(company: Company) -> int:
    sha = (stamp_of(company, 1) or "").partition("@")[0]
    return set_stamp(company, 1, f"{sha}@2999-01-01T00:00:00Z")


def malformed(company: Company) -> int:
    return set_stamp(company, 3, "x")


def without_a_zone(company: Company) -> int:
    sha = (stamp_of(company, 1) or "").partition("@")[0]
    return set_stamp(company, 1, f"{sha}@2026-01-01T00:00:00")


def of_another_commit(company: Company) -> int:
    time = (stamp_of(company, 1) or "").partition("@")[2]
    return set_stamp(company, 1, f"{company.main()}@{time}")


def copied_version(company: Company) -> int:
    """MLflow copies the tags of a version that holds the stage."""
    return int(company.client.copy_model_version(f"models:/{MODEL}/1", MODEL).version)


FORMS = (
    of_no_receipt,
    of_another_version,
    put_back,
    put_forward,
    malformed,
    without_a_zone,
    of_another_commit,
    copied_version,
)


@pytest.mark.parametrize("forge", FORMS)
def test_held_stamp_that_no_receipt_explains(
    company: Company, forge: Callable[[Company], int]
) -> None:
    """It is shown by `verify`, and the next reconcile takes it away or puts it right, says so, and
    records it."""
    right = stamp_of(company, 1)
    version = forge(company)
    forged = stamp_of(company, version)
    copied = {f"stamps {version}"} if forge is copied_version else set()
    assert company.found_by_verify() == {f"held {version} Production", *copied}

    ran = company.reconcile("--push-receipts")
    [outcome] = ran.json["models"]
    keys = [change["key"] for change in outcome["changes"]]
    assert ran.code == 0 and HELD in keys and (len(keys) == 1 or copied)
    [*_, receipt] = receipts_in(company.team.folder)
    assert HELD in receipt.text and receipt.models()[0].changes

    now = stamp_of(company, version)
    assert now != forged and (now is None) == (version != 1)
    assert now is None or now.partition("@")[0] == (right or "").partition("@")[0]
    assert company.found_by_verify() == set()
    assert company.reconcile("--push-receipts").json["summary"]["changes"] == 0


@pytest.mark.parametrize("forge", [of_no_receipt, malformed, copied_version])
def test_held_stamp_of_a_refused_version(company: Company, forge: Callable[[Company], int]) -> None:
    """The stamp is on the version that a refused promotion asks for."""
    version = forge(company)
    company.merge(company.propose(version))
    assert "0 of 1 approval" in company.refused("--push-receipts")
    assert stamp_of(company, version) is None


STAGING = POLICY.replace("approvals: 1, require: {tags: {validation: passed}}", "from: [Staging]")
SOAK = STAGING.replace("from: [Staging]", "from: [Staging], soak: 30d")


@pytest.mark.parametrize("believed", ["a tag", "a tag, before format 3", "a tag, in an adoption"])
def test_exemption_that_no_receipt_supports(
    company: Company, believed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reconciler that believes a forged tag, as earlier versions did, takes a new version for one
    that is rolled back. `verify` derives each exemption again, and none of the later runs makes
    this one right."""
    company.approve_policy(SOAK if believed == "a tag" else STAGING, "--push-receipts")
    company.merge(company.propose(3))
    with monkeypatch.context() as earlier:
        belief = "is_adopted" if believed == "a tag, in an adoption" else "is_rollback"
        earlier.setattr(EntryTenures, belief, property(lambda self: True))
        if believed == "a tag, before format 3":
            earlier.setattr(receipt_format, "RECEIPT_SCHEMA", 2)
            earlier.setattr(judge_entries, "Finding", lambda *args, **more: Finding(*args))
        assert company.reconcile("--push-receipts").code == 0 and company.production() == {3}
    # A run of format 2 after one of format 3 leaves out what that format has, which shows as well.
    is_older = believed == "a tag, before format 3"
    expected = {"exempt 3 Production", *(["contradicted"] if is_older else [])}
    for _ in range(2):
        assert company.found_by_verify() == expected
        assert company.reconcile("--push-receipts").code == 0
    company.acknowledge()
    assert company.found_by_verify() == set()


# -- a clone without the receipts ----------------------------------------------------------------


def assert_unknown(company: Company, command: str) -> None:
    arguments = {"plan of a revision": ["plan", "--rev", "HEAD"]}.get(command, [command])
    ran = company.team.run(*arguments, "--format", "json")
    [model] = ran.json["models"]
    assert model["sync"] == "Unknown", ran.out
    if command != "status":
        assert ran.code == 4 and "receipts of origin were not fetched" in ran.out
        assert "git fetch origin '+refs/heads/mlflow-gitops/receipts*:" in ran.out


@pytest.mark.parametrize("command", ["plan", "plan of a revision", "status", "drift"])
@pytest.mark.parametrize("version", [1, 3])
def test_stamps_taken_away_in_a_clone_without_receipts(
    company: Company, command: str, version: int
) -> None:
    """A job that did not fetch the receipts does not call that in order, and adopts nothing."""
    client = company.client
    client.transition_model_version_stage(MODEL, str(version), "Production")
    client.set_registered_model_alias(MODEL, "production", str(version))
    for key in client.get_registered_model(MODEL).tags:
        client.delete_registered_model_tag(MODEL, key)
    if version == 3:
        company.merge(company.propose(3))
    drop_receipts(company.team.folder)

    if command == "drift":
        ran = company.team.run("github", "drift")
        assert "base_unknown" in ran.out and "receipts of origin were not fetched" in ran.out
        assert "Reported in" in ran.err, "in an issue"
    else:
        assert_unknown(company, command)

    for more in ((), ("--adopt", MODEL)):
        why = company.reasons(*more)
        assert "base_unknown" in why and "were not fetched" in why
    assert "a receipt says" in company.reasons("--push-receipts"), "it fetches them"
