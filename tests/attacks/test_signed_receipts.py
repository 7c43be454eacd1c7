"""Forged receipts where the policy asks for signed ones: nothing believes them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlflow_gitops.edges.git.repository import Git
from tests.support.attacks.company import MODEL, POLICY, Company
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


def allow_people(company: Company, folder: Path) -> dict[str, Path]:
    """The main branch lists keys of Alice and Bob."""
    keys = {name: new_key(folder, name) for name in ("alice", "bob")}
    lines = [allowed_line(key, f"{name}@example.org") for name, key in keys.items()]
    company.team.write("allowed_signers", "".join(lines))
    company.push_policy(POLICY)
    return keys


def test_commit_signed_by_another_person(company: Company, tmp_path: Path) -> None:
    """Bob signs a promotion with his key and writes Alice's name into it. Signed by Alice, the same
    commit is nothing to report."""
    keys = allow_people(company, tmp_path)
    company.team.git("config", "commit.gpgsign", "true")
    for version, name, fields in ((2, "alice", set()), (1, "bob", {"signer"})):
        sign_with(company, keys[name])
        company.branch("promote")
        number = company.propose(version)
        company.github.review(number, "bob")
        company.merge(number, "merge")
        assert company.reconcile().code == 0 and company.production() == {version}
        assert company.found_by_verify() == fields

    *_, event = company.team.run("log", "--format", "json").json
    assert event["signed_by"] == "bob@example.org" and event["signed_by_author"] is False
    for command in ("log", f"show {MODEL}", "log --format markdown"):
        assert "bob@example.org" in company.team.run(*command.split()).out, command
    company.team.run("report", "--out", str(tmp_path / "page"))
    assert "bob@example.org" in (tmp_path / "page" / "index.html").read_text("utf-8")

    sign_with(company, None)
    company.team.git("config", "commit.gpgsign", "false")
    company.acknowledge("a rebase")
    assert company.found_by_verify() == set()


def test_receipt_signed_by_another_person(company: Company, tmp_path: Path) -> None:
    """Bob writes a receipt that says Alice ran it. A machine's key stands for nobody."""
    keys = allow_people(company, tmp_path)
    git = Git(company.team.folder)
    machine = new_key(tmp_path, "machine")
    company.team.write(
        "allowed_signers",
        "".join(allowed_line(key, f"{name}@example.org") for name, key in keys.items())
        + allowed_line(machine, "machine@example.org"),
    )
    company.push_policy(POLICY)
    company.write(1, "description: Words\n")
    company.commit("Words", "bob")
    company.push("main")
    assert company.reconcile("--push-receipts").code == 0
    for by, key in (("Alice", keys["alice"]), ("Alice", machine), ("Alice", keys["bob"])):
        [*_, newest] = receipts_in(company.team.folder)
        count = newest.content["count"] + 1
        named = f"{by} <alice@example.org>"
        text = edited(newest, previous=newest.digest, count=count, models=[], by=named)
        sign_with(company, key)
        record(git, newest.commit, text)
        expected = {"signer"} if key == keys["bob"] else set()
        assert company.found_by_verify() == expected
    log = company.team.run("log").out
    assert "Alice <alice@example.org> ran it, and it is signed by bob@example.org" in log
