"""Checks a signature against public keys and certificates, without the files that it is of.

The library's public API compares files on disk. What is needed here is the list of files that was
signed, so the check uses the library's verifiers and its manifest (model-signing 1.1;
pyproject.toml allows no other minor version).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mlflow_gitops.core.audit.untrusted_json import loads
from mlflow_gitops.core.recorded.file_digests import FileDigest, ModelFiles
from mlflow_gitops.core.recorded.signed_files import SignedFiles
from mlflow_gitops.installation import install_command

_PUBLIC_KEY, _CERTIFICATE = b"-----BEGIN PUBLIC KEY-----", b"-----BEGIN CERTIFICATE-----"


class NotInstalled(Exception):
    """The extra `signing` is not installed."""


def missing_extra() -> str:
    """What signatures need, and how to install it."""
    return f"signatures need the extra signing: {install_command('signing')}"


def check_signature(signature: bytes, keys: Mapping[str, bytes]) -> SignedFiles:
    """The files that a signature lists, if it fits one of `keys`: PEM texts by name, of public keys
    or of the certificates that issued a signer's. Raises NotInstalled."""
    try:
        from model_signing._signing import sign_certificate, sign_ec_key, sign_sigstore_pb
    except ImportError:
        raise NotInstalled(missing_extra()) from None

    kind, fault = _kind_of(signature)
    if fault is not None:
        return SignedFiles(fault=fault)
    fitting = {name: key for name, key in keys.items() if kind in key}
    verifier: Callable[[Path], Any] = sign_ec_key.Verifier
    if kind == _CERTIFICATE:
        verifier = lambda path: sign_certificate.Verifier([path])  # noqa: E731

    with tempfile.TemporaryDirectory(prefix="mlflow-gitops-") as folder:
        signature_file, key_file = Path(folder, "signature"), Path(folder, "key")
        signature_file.write_bytes(signature)
        for name, key in sorted(fitting.items()):
            key_file.write_bytes(key)
            try:
                parsed = sign_sigstore_pb.Signature.read(signature_file)
                manifest = verifier(key_file).verify(parsed)
            except Exception:  # each kind of misfit has an exception of its own, of four libraries
                continue
            return _signed_list(name, manifest)
    names = ", ".join(sorted(keys)) or "none"
    return SignedFiles(fault=f"its signature fits no key that counts ({names})")


def key_fault(key: bytes) -> str | None:
    """Why a file cannot be a signer's key; None if it can."""
    if b"PRIVATE KEY" in key:
        return "holds a private key"
    return None if _PUBLIC_KEY in key or _CERTIFICATE in key else "is no public key or certificate"


def _kind_of(signature: bytes) -> tuple[bytes, str | None]:
    """What a signature is checked with, and why it cannot be."""
    try:
        material = loads(signature.decode("utf-8"))["verificationMaterial"]
        if material.get("x509CertificateChain"):
            return _CERTIFICATE, None
        if material.get("certificate"):
            return b"", "its signature is by a keyless identity, which is not supported"
        # Without the key's hash, the library would print a warning between the lines of JSON.
        if not material["publicKey"]["hint"]:
            return b"", "its signature names no key; sign it again with a newer model-signing"
    except Exception:  # the file of a pull request may hold anything
        return b"", "its signature is not in the model-signing format"
    return _PUBLIC_KEY, None


def _signed_list(signer: str, manifest: Any) -> SignedFiles:
    serialization = manifest.serialization_type
    files = [
        FileDigest(resource.identifier, 0, resource.digest.digest_hex)
        for resource in manifest.resource_descriptors()
        if resource.digest.algorithm == "sha256"
    ]
    is_whole = len(files) == len(list(manifest.resource_descriptors()))
    if serialization.get("method") != "files" or not is_whole:
        return SignedFiles(
            fault="its signature does not list whole files with SHA-256, which digests are made of"
        )
    return SignedFiles(signer, ModelFiles(tuple(files)).digest)
