"""Held stamps and receipts: what MLflow shows of the past is believed only if a receipt says it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.attacks.company import MODEL, Company
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
    assert company.found_by_verify() == {f"held {version} Production"}

    ran = company.reconcile("--push-receipts")
    [outcome] = ran.json["models"]
    assert ran.code == 0 and [change["key"] for change in outcome["changes"]] == [HELD]
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


# -- a clone without the receipts ----------------------------------------------------------------


def assert_unknown(company: Company, command: str) -> None:
    arguments = {"plan of a revision": ["plan", "--rev", "HEAD"]}.get(command, [command])
    ran = company.team.run(*arguments, "--format", "json")
    [model] = ran.json["models"]
    assert model["sync"] == "Unknown", ran.out
    if command != "status":
        assert ran.code == 4 and "receipts of origin were not fetched" in ran.out
        assert "git fetch origin refs/heads/mlflow-gitops/receipts:" in ran.out


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
