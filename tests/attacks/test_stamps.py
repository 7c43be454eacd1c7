"""Stamps of git's facts in MLflow: anybody with EDIT can write that somebody else approved."""

from __future__ import annotations

import pytest

from tests.support.attacks.company import MODEL, Company
from tests.support.receipts import receipts_in


def tags_of(company: Company, version: str | None) -> dict[str, str]:
    client = company.client
    if version is None:
        return dict(client.get_registered_model(MODEL).tags)
    return dict(client.get_model_version(MODEL, version).tags)


@pytest.mark.parametrize(
    ("version", "key", "value"),
    [
        ("2", "gitops.approved_by", "@ceo"),
        ("2", "gitops.approved_by", None),
        ("2", "gitops.pr", "4711"),
        ("2", "gitops.author", "The CEO <ceo@example.org>"),
        ("2", "gitops.commit", "of version 1"),
        ("2", "gitops.commit", "f" * 40),
        ("1", "gitops.approved_by", "@ceo"),
        ("3", "gitops.approved_by", "@ceo"),
        ("3", "gitops.commit", "of version 1"),
        (None, "gitops.at", "2020-01-01T00:00:00Z"),
        (None, "gitops.at", "yesterday"),
    ],
)
def test_stamp_forged(company: Company, version: str | None, key: str, value: str | None) -> None:
    """2 was promoted with Bob's approval, 1 left, and 3 never held a stage. `verify` shows what was
    forged, and the next run puts it right, says so and records it."""
    company.promote(2)
    assert company.reconcile("--push-receipts").code == 0 and company.found_by_verify() == set()
    right = tags_of(company, version)
    if value is None:
        company.client.delete_model_version_tag(MODEL, version, key)
    else:
        if value == "of version 1":
            value = company.team.git("rev-list", "--max-parents=0", "HEAD")
        if version is None:
            company.client.set_registered_model_tag(MODEL, key, value)
        else:
            company.client.set_model_version_tag(MODEL, version, key, value)
    assert company.found_by_verify() == {f"stamps {version}" if version else "stamps"}

    ran = company.reconcile("--push-receipts")
    [outcome] = ran.json["models"]
    assert ran.code == 0 and [change["key"] for change in outcome["changes"]] == [key]
    [change] = receipts_in(company.team.folder)[-1].models()[0].changes
    assert (change["key"], change.get("from"), change["cause"]) == (key, value, "drift")

    now = tags_of(company, version)
    if key == "gitops.at":
        assert now[key][:10] == right[key][:10]
    else:
        assert now.get(key) == right.get(key)
    assert company.found_by_verify() == set()
    assert company.reconcile("--push-receipts").json["summary"]["changes"] == 0
