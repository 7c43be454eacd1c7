"""`sign`: what it signs, and what it refuses to sign."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from mlflow_gitops.commands import sign as command_sign
from mlflow_gitops.edges.signing.checking import check_signature
from mlflow_gitops.installation import install_command
from tests.support.acme import Acme
from tests.support.attacks.signers import Signer
from tests.support.console.pseudo_terminal import on_terminal

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


PASSWORD = "correct horse"
VARIABLE = "MLFLOW_GITOPS_KEY_PASSWORD"


@pytest.mark.parametrize("with_certificate", [False, True], ids=["key", "certificate"])
def test_a_key_with_a_password(
    acme: Acme, monkeypatch: pytest.MonkeyPatch, *, with_certificate: bool
) -> None:
    signer, root = Signer(acme.folder, "models", PASSWORD), Signer(acme.folder, "root")
    line, keys = [*LINE, str(signer.key)], {"a": signer.public}
    if with_certificate:
        certificate = acme.folder / "models.pem"
        certificate.write_bytes(signer.certificate_from(root))
        line += ["--certificate", str(certificate)]
        keys = {"a": root.certificate_from(None, is_root=True)}
    ran = acme.team.run(*line)
    assert ran.code == 1 and f"has a password. Set it as {VARIABLE}" in ran.err, ran.err

    for wrong in ("wrong horse", PASSWORD.upper(), "ü"):
        monkeypatch.setenv(VARIABLE, wrong)
        ran = acme.team.run(*line)
        assert ran.code == 1 and f"The password in {VARIABLE} does not fit the key" in ran.err
        assert wrong not in ran.err.replace(str(signer.key), ""), ran.err
    assert not (acme.team.folder / SIGNATURE).exists()

    monkeypatch.setenv(VARIABLE, PASSWORD)
    assert acme.team.run(*line).code == 0
    assert check_signature((acme.team.folder / SIGNATURE).read_bytes(), keys).fault is None


def test_a_key_without_a_password_needs_none(acme: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "of another key")
    assert acme.team.run(*LINE, str(Signer(acme.folder, "models").key)).code == 0


def test_a_password_is_asked_for_on_a_terminal(acme: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    signer = Signer(acme.folder, "models", PASSWORD)
    command = [sys.executable, "-m", "mlflow_gitops", *LINE, str(signer.key)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    shown = on_terminal(command, acme.team.folder, environment, "no\n", after="key: ")
    assert "Password of the key" in shown and "does not fit the key" in " ".join(shown.split())
    assert "The password in" not in shown and not (acme.team.folder / SIGNATURE).exists()

    monkeypatch.setattr(command_sign, "_is_interactive", lambda: True)
    monkeypatch.setattr(command_sign, "_ask_password", lambda: PASSWORD)
    assert acme.team.run(*LINE, str(signer.key)).code == 0


def test_without_the_extra_one_sentence_names_it(
    acme: Acme, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "model_signing", None)
    ran = acme.team.run(*LINE, str(Signer(tmp_path, "models").key))
    assert ran.code == 1 and install_command("signing") in " ".join(ran.err.split())


@pytest.mark.parametrize("moved", [True, False], ids=["moved", "left-behind"])
def test_a_signature_counts_after_a_rename(acme: Acme, *, moved: bool) -> None:
    """Also if somebody moved the manifest without it, since `formerly` names the old name."""
    signer, team = Signer(acme.folder, "models"), acme.team
    team.git("remote", "remove", "origin")
    team.write("model_signers/models.pub", signer.public.decode())
    policy = (team.folder / "registry/policy.yaml").read_text()
    asks = "Production: {require: {signed: {keys: registry/model_signers/}}, "
    team.write("policy.yaml", policy.replace("Production: {", asks))
    team.commit("Signatures")
    assert team.run("reconcile", "--yes").code == 0
    assert team.run("promote", "fraud-detector", "14", "Production").code == 0
    assert team.run("sign", "fraud-detector", "14", "--key", str(signer.key)).code == 0
    team.commit("Promote 14")
    old, new = (f"registry/model_signatures/{name}/14.sig" for name in ("fraud-detector", "fraud"))
    dry = team.run("rename", "fraud-detector", "fraud", "--dry-run").out
    assert f"rename from {old}\nrename to {new}\n" in dry and (team.folder / old).exists()

    ran = team.run("rename", "fraud-detector", "fraud", "--apply", "--format", "json")
    assert ran.code == 0 and {old, new} <= set(ran.json["files"]), ran
    assert not (team.folder / old).parent.exists()
    if not moved:
        (team.folder / old).parent.mkdir()
        (team.folder / new).rename(team.folder / old)
    team.commit("Rename it")

    [plan] = team.run("plan", "fraud", "--format", "json").json["models"]
    [gate] = [gate for gate in plan["gates"] if gate["gate"] == "signed"]
    assert (gate["status"], gate["detail"]) == ("passed", "signed by models.pub")


def test_a_rename_takes_no_signature_of_another_model(acme: Acme) -> None:
    for model in ("fraud-detector", "fraud"):
        acme.team.write(f"model_signatures/{model}/14.sig", "{}")
    before = acme.team.git("status", "--porcelain", "-uall")
    ran = acme.team.run("rename", "fraud-detector", "fraud")
    assert ran.code == 1 and "model_signatures/fraud/14.sig is in use" in ran.err
    assert acme.team.git("status", "--porcelain", "-uall") == before
