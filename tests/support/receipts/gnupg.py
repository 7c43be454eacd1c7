"""Keys of GnuPG that sign receipts: OpenPGP by gpg, X.509 by gpgsm, each in a home of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from tempfile import mkdtemp

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

_PASSPHRASE = "x"
# gpgsm has no option for a key without a passphrase, and git asks it for a signature as it is.
_SIGNER = """#!/bin/sh
exec gpgsm --batch --disable-crl-checks --pinentry-mode loopback --passphrase-fd 3 "$@" 3< {file}
"""


class Home:
    """One user's GnuPG. Its path is short, since GnuPG listens on sockets in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "gpg-agent.conf").write_text("allow-loopback-pinentry\n")

    def run(self, *command: str, feed: str = "") -> str:
        environment = os.environ | {"GNUPGHOME": str(self.folder)}
        return subprocess.run(
            command, env=environment, input=feed, check=True, capture_output=True, text=True
        ).stdout

    def new_openpgp_key(self) -> str:
        """The fingerprint of a new key, which its owner trusts."""
        quiet = ("gpg", "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "")
        self.run(*quiet, "--quick-generate-key", "Runner <runner@example.org>", "ed25519", "sign")
        return self._fingerprint("gpg")

    def new_x509_key(self) -> str:
        """The fingerprint of a new certificate that signed itself, which its owner trusts."""
        bundle = self.folder / "key.p12"
        bundle.write_bytes(_self_signed())
        quiet = ("gpgsm", "--batch", "--pinentry-mode", "loopback", "--passphrase-fd", "0")
        self.run(*quiet, "--import", str(bundle), feed=f"{_PASSPHRASE}\n")
        fingerprint = self._fingerprint("gpgsm")
        (self.folder / "trustlist.txt").write_text(f"{fingerprint} S relax\n")
        self.forget()
        return fingerprint

    def x509_program(self) -> Path:
        """What git runs instead of gpgsm, so that nobody is asked for a passphrase."""
        passphrase, program = self.folder / "passphrase", self.folder / "signer"
        passphrase.write_text(f"{_PASSPHRASE}\n")
        program.write_text(_SIGNER.format(file=passphrase))
        program.chmod(0o700)
        return program

    def forget(self) -> None:
        """End the agent, which remembers what it trusts."""
        self.run("gpgconf", "--kill", "all")

    def _fingerprint(self, program: str) -> str:
        listing = self.run(program, "--list-keys", "--with-colons")
        lines = [line for line in listing.splitlines() if line.startswith("fpr:")]
        return lines[0].split(":")[9]


@contextmanager
def gnupg_home() -> Iterator[Home]:
    """A home that is gone afterwards, with its agent."""
    home = Home(Path(mkdtemp(prefix="g", dir="/tmp")))
    try:
        yield home
    finally:
        home.forget()
        shutil.rmtree(home.folder, ignore_errors=True)


def needs(program: str) -> None:
    """Skip without a program: nothing in this project installs it."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")


def _self_signed() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "runner")])
    now = datetime.now(timezone.utc)
    builder = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    encryption = (
        serialization.PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(2_000)
        .key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
        .hmac_hash(hashes.SHA1())
        .build(_PASSPHRASE.encode())
    )
    certificate = builder.sign(key, hashes.SHA256())
    return pkcs12.serialize_key_and_certificates(b"runner", key, certificate, None, encryption)
