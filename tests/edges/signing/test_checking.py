"""Signatures by keys and certificates, as `sign` makes them and the library's own command checks
them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mlflow_gitops.core.recorded.signed_files import SignedFiles
from mlflow_gitops.edges.mlflow.artifacts.file_reader import digest_of
from mlflow_gitops.edges.signing.checking import NotInstalled, check_signature, key_fault
from mlflow_gitops.edges.signing.signing import sign_folder
from mlflow_gitops.errors import Failure
from tests.support.attacks.signers import Signer


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "data").mkdir(parents=True)
    (folder / "MLmodel").write_text("flavors: {}\n")
    (folder / "data" / "model.skops").write_bytes(b"model")
    (folder / ".gitattributes").write_text("git's own files are signed, too\n")
    return folder


def signed(model: Path, signer: Signer, certificate: Path | None = None) -> bytes:
    target = model.parent / "model.sig"
    sign_folder(model, signer.key, certificate, [], target)
    return target.read_bytes()


def test_a_key_signs_the_digest_of_all_files(model: Path, tmp_path: Path) -> None:
    alice, bob = Signer(tmp_path, "alice"), Signer(tmp_path, "bob")
    keys = {"bob.pub": bob.public, "alice.pub": alice.public}
    assert check_signature(signed(model, alice), keys) == SignedFiles("alice.pub", digest_of(model))


def test_a_certificate_signs_if_its_root_counts(model: Path, tmp_path: Path) -> None:
    root, other, alice = (Signer(tmp_path, name) for name in ("root", "other", "alice"))
    certificate = tmp_path / "alice.pem"
    certificate.write_bytes(alice.certificate_from(root))
    signature = signed(model, alice, certificate)
    by_root = {"root.pem": root.certificate_from(None, is_root=True)}
    assert check_signature(signature, by_root) == SignedFiles("root.pem", digest_of(model))
    for keys in (
        {"other.pem": other.certificate_from(None, is_root=True)},
        {"root.pem": other.certificate_from(None, is_root=True)},
        {"alice.pub": alice.public},
        {},
    ):
        fault = check_signature(signature, keys).fault
        assert fault is not None and "fits no key that counts" in fault


def test_the_librarys_own_command_accepts_the_signature(model: Path, tmp_path: Path) -> None:
    alice = Signer(tmp_path, "alice")
    signed(model, alice)
    command = [
        *(sys.executable, "-m", "model_signing", "verify", "key", str(model)),
        *("--signature", str(tmp_path / "model.sig"), "--public_key", str(alice.public_file)),
        "--no-ignore-git-paths",
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (model / "MLmodel").write_text("flavors: {pickle: {}}\n")
    assert subprocess.run(command, capture_output=True).returncode != 0


def changed(signature: bytes, **material: object) -> bytes:
    bundle = json.loads(signature)
    bundle["verificationMaterial"] = material
    return json.dumps(bundle).encode()


def test_what_is_no_signature_has_a_reason(model: Path, tmp_path: Path) -> None:
    alice = Signer(tmp_path, "alice")
    signature, keys = signed(model, alice), {"alice.pub": alice.public}
    bundle = json.loads(signature)
    bundle["dsseEnvelope"]["signatures"][0]["sig"] = "AAAA"
    for content, reason in [
        (b"", "is not in the model-signing format"),
        (b"[" * 100_000, "is not in the model-signing format"),
        (b'{"verificationMaterial": []}', "is not in the model-signing format"),
        (changed(signature, publicKey={"hint": ""}), "names no key"),
        (changed(signature, certificate={"rawBytes": "AA=="}), "keyless identity"),
        (changed(signature, publicKey={"hint": "0" * 64}), "fits no key that counts (alice.pub)"),
        (json.dumps(bundle).encode(), "fits no key that counts (alice.pub)"),
    ]:
        fault = check_signature(content, keys).fault
        assert fault is not None and reason in fault, content[:80]


def test_a_private_key_is_no_signers_key(tmp_path: Path) -> None:
    alice = Signer(tmp_path, "alice")
    assert key_fault(alice.public) is None
    assert key_fault(alice.key.read_bytes()) == "holds a private key"
    assert key_fault(b"# Signers\n") == "is no public key or certificate"


def test_a_file_that_is_no_key_signs_nothing(model: Path, tmp_path: Path) -> None:
    not_a_key = tmp_path / "key"
    not_a_key.write_text("nothing\n")
    with pytest.raises(Failure, match="Nothing was signed"):
        sign_folder(model, not_a_key, None, [], tmp_path / "model.sig")


def test_without_the_extra_one_sentence_names_it(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = Signer(tmp_path, "alice")
    signature = signed(model, alice)
    for name in ("model_signing", "model_signing._signing"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(NotInstalled, match=r"pip install .*\[signing\]"):
        check_signature(signature, {})
    with pytest.raises(Failure, match=r"pip install .*\[signing\]"):
        sign_folder(model, alice.key, None, [], tmp_path / "again.sig")
