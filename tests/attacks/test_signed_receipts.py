"""Forged receipts where the policy asks for signed ones: nothing believes them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlflow_gitops.edges.git.repository import Git
from tests.support.attacks.company import POLICY, Company
from tests.support.receipts import edited, receipts_in, record
from tests.support.receipts.keys import allowed_line, new_key


def sign_with(company: Company, key: Path | None) -> None:
    company.team.git("config", "gpg.format", "ssh")
    company.team.git("config", "user.signingkey", str(key) if key else "")


@pytest.mark.parametrize("forger", ["nobody", "stranger"])
def test_receipt_forged(company: Company, tmp_path: Path, forger: str) -> None:
    """It names an approver and an earlier time. Anybody who may push the branch can add it."""
    key, other = new_key(tmp_path), new_key(tmp_path, "other")
    company.team.write("allowed_signers", allowed_line(key))
    company.push_policy(f"{POLICY}receipts: {{signed: true}}\n")
    sign_with(company, key)
    company.promote(2)
    assert company.reconcile("--push-receipts").code == 0
    company.acknowledge()
    assert company.found_by_verify() == set()

    [*_, newest] = receipts_in(company.team.folder)
    [model] = newest.content["models"]
    people = [{**entry, "approved_by": ["@chief-risk-officer"]} for entry in model["people"]]
    models = [{**model, "people": people}]
    text = edited(newest, previous=None, models=models, at="2026-01-05T00:00:00Z")
    sign_with(company, other if forger == "stranger" else None)
    record(Git(company.team.folder), newest.commit, text)
    log = json.dumps(company.team.run("log", "--format", "json").json)
    assert "@bob" in log and "chief-risk-officer" not in log
    assert company.found_by_verify() == {"receipts"}
