"""`sign`: what it signs, and what it refuses to sign."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from mlflow_gitops.edges.signing.checking import check_signature
from mlflow_gitops.installation import install_command
from tests.support.acme import Acme
from tests.support.attacks.signers import Signer

LINE = ("sign", "fraud-detector", "12", "--key")
SIGNATURE = "registry/model_signatures/fraud-detector/12.sig"


def test_the_signature_is_of_the_files_that_are_pinned(acme: Acme) -> None:
    signer = Signer(acme.folder, "models")
    ran = acme.team.run(*LINE, str(signer.key))
    assert ran.code == 0 and ran.out.startswith(f"{SIGNATURE}: signed ")
    assert "warning: Their digest is not pinned yet: mlflow-gitops pin fraud-detector 12" in ran.err
    assert acme.team.run("pin", "fraud-detector", "12").code == 0
    manifest = (acme.team.folder / "registry/models/fraud-detector.yaml").read_text()

    ran = acme.team.run(*LINE, str(signer.key), "--format", "json")

    assert ran.code == 0 and ran.json["digest"] in manifest
    signature = (acme.team.folder / SIGNATURE).read_bytes()
    assert check_signature(signature, {"a": signer.public}).digest == ran.json["digest"]


def test_files_that_are_not_pinned_are_not_signed(acme: Acme) -> None:
    assert acme.team.run("pin", "fraud-detector", "12").code == 0
    file = acme.team.folder / "registry/models/fraud-detector.yaml"
    before = file.read_text()
    file.write_text(re.sub("sha256:[0-9a-f]{64}", f"sha256:{'0' * 64}", before))
    ran = acme.team.run(*LINE, str(Signer(acme.folder, "models").key))
    assert ran.code == 4 and "they are not the files that were reviewed" in ran.err
    assert not (acme.team.folder / SIGNATURE).exists()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ("sign fraud-detector 99 --key {key}", 4, "MLflow has no version 99"),
        ("sign fraud-detector 12 --key {other}", 1, "Nothing was signed"),
        ("sign fraud-detector 12 --key nowhere.pem", 64, "nowhere.pem"),
        ("sign fraud-detector 12 --key {key} --chain {key}", 64, "--chain needs --certificate"),
        ("sign fraud-detector 12 --key {key} --certificate {other}", 1, "Nothing was signed"),
    ],
)
def test_what_cannot_be_signed(acme: Acme, words: str, code: int, message: str) -> None:
    signer = Signer(acme.folder, "models")
    line = words.format(key=signer.key, other=signer.public_file)
    ran = acme.team.run(*line.split())
    assert ran.code == code and message in " ".join(ran.err.split()), ran.err


def test_without_the_extra_one_sentence_names_it(
    acme: Acme, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "model_signing", None)
    ran = acme.team.run(*LINE, str(Signer(tmp_path, "models").key))
    assert ran.code == 1 and install_command("signing") in " ".join(ran.err.split())
