"""Receipts signed with GnuPG, by real gpg and gpgsm: git decides, by the keys of the user who asks
(RULES R6)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlflow_gitops.core.audit.receipts import Receipt
from mlflow_gitops.edges.git.receipts.branch import ReceiptsBranch
from mlflow_gitops.edges.git.receipts.signatures import SignatureRule
from mlflow_gitops.edges.git.receipts.writer import ReceiptsWriter
from mlflow_gitops.edges.git.repository import Git
from mlflow_gitops.errors import GitFailure
from tests.support.git_histories import Repo
from tests.support.receipts import RECEIPTS_REF
from tests.support.receipts.gnupg import Home, gnupg_home, needs


class Signer:
    """A clone that signs receipts with GnuPG, and asks for signatures."""

    def __init__(self, repo: Repo, home: Home, form: str) -> None:
        self.repo, self.home, self.form = repo, home, form
        self.commit = repo.commit("First", {"a": "b"})
        repo.git("config", "gpg.format", form)
        if form == "x509":
            repo.git("config", "gpg.x509.program", str(home.x509_program()))
            repo.git("config", "user.signingkey", home.new_x509_key())
        else:
            repo.git("config", "user.signingkey", home.new_openpgp_key())
        self.git = Git(repo.folder)
        rule = SignatureRule(is_required=True)
        self.branch = ReceiptsBranch.of_repository(self.git, rule=lambda: rule)

    def write(self) -> None:
        content = {"at": "2026-01-01T00:00:00Z", "commit": self.commit, "previous": None}
        receipt = Receipt(self.commit, json.dumps(content) + "\n", content)
        ReceiptsWriter(self.branch, tries=2).add(receipt, "Run")

    def fault(self) -> str | None:
        """Why the receipt does not count; None if it does."""
        rule = SignatureRule(is_required=True)
        stored = ReceiptsBranch.of_repository(Git(self.repo.folder), rule=lambda: rule).read()
        assert len(stored.receipts) + len(stored.untrusted) == 1
        return stored.untrusted[0].fault if stored.untrusted else None


@pytest.fixture(
    params=["openpgp", pytest.param("x509", marks=[pytest.mark.real, pytest.mark.weekly])]
)
def signer(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Signer]:
    needs("gpg" if request.param == "openpgp" else "gpgsm")
    with gnupg_home() as home:
        monkeypatch.setenv("GNUPGHOME", str(home.folder))
        yield Signer(Repo(tmp_path / "repo"), home, request.param)


def test_a_receipt_counts_while_its_key_is_trusted(
    signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    signer.write()
    assert signer.fault() is None
    assert signer.git.output("log", "-1", "--format=%G?", RECEIPTS_REF) == "G"

    original = signer.repo.git("rev-parse", RECEIPTS_REF)
    text = signer.repo.git("cat-file", "commit", RECEIPTS_REF)
    command = ("hash-object", "-t", "commit", "-w", "--stdin")
    forged = signer.git.output(*command, feed=text.replace("Run", "Another run"))
    signer.repo.git("update-ref", RECEIPTS_REF, forged)
    assert "bad signature" in str(signer.fault())

    signer.repo.git("update-ref", RECEIPTS_REF, original)
    assert signer.fault() is None
    with gnupg_home() as stranger:
        monkeypatch.setenv("GNUPGHOME", str(stranger.folder))
        assert signer.fault() is not None, "a machine without the key believes nothing"


def test_a_key_that_nobody_trusts_does_not_count(signer: Signer) -> None:
    """It is in the keyring, and the user who asks has not said that it is to be trusted."""
    signer.write()
    if signer.form == "x509":
        (signer.home.folder / "trustlist.txt").write_text("")
    else:
        fingerprint = signer.repo.git("config", "user.signingkey")
        signer.home.run("gpg", "--import-ownertrust", feed=f"{fingerprint}:3:\n")
    signer.home.forget()
    assert signer.fault() is not None
    with pytest.raises(GitFailure, match="sign"):
        signer.write()
