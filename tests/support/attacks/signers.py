"""Keys and certificates that sign models in tests. They are made anew each time."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Signer:
    """A private key in a file, which may have a password, with its public key and a certificate
    that a root issued."""

    def __init__(self, folder: Path, name: str, password: str = "") -> None:
        self.name = name
        self._private = ec.generate_private_key(ec.SECP256R1())
        self.key = folder / f"{name}.key"
        self.key.write_bytes(
            self._private.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.BestAvailableEncryption(password.encode())
                if password
                else serialization.NoEncryption(),
            )
        )
        self.public = self._private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.public_file = folder / f"{name}.pub"
        self.public_file.write_bytes(self.public)

    def certificate_from(self, root: Signer | None, *, is_root: bool = False) -> bytes:
        """A certificate of this key, issued by a root, or by itself."""
        issuer = root or self
        now = datetime.now(timezone.utc)
        # A signature is checked as of the day on which its certificate begins: that of the root,
        # though a test may make it a second later, must be valid by then.
        days_valid = 2 if is_root else 1
        usage = {name: False for name in _USAGES} | {
            "digital_signature": True,
            "key_cert_sign": is_root,
        }
        builder = (
            x509.CertificateBuilder()
            .subject_name(_named(self.name))
            .issuer_name(_named(issuer.name))
            .public_key(self._private.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=days_valid))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(**usage), critical=True)
        )
        certificate = builder.sign(issuer._private, hashes.SHA256())
        return certificate.public_bytes(serialization.Encoding.PEM)


_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
