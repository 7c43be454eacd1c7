"""Signs the files of a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlflow_gitops.edges.signing.checking import missing_extra
from mlflow_gitops.edges.signing.private_key import unlocked_key
from mlflow_gitops.errors import Failure


class _KeyInMemory:
    """A key without its password, as the library reads a file. It takes no password for the key of
    a certificate, and one in the wrong type for others (1.1.1)."""

    def __init__(self, key: Path, password: bytes | None) -> None:
        self._content = unlocked_key(key, password)

    def read_bytes(self) -> bytes:
        return self._content


def sign_folder(
    folder: Path,
    key: Path,
    certificate: Path | None,
    chain: Sequence[Path],
    target: Path,
    password: bytes | None = None,
) -> None:
    """Sign every file below `folder`, and write the signature to `target`, by an elliptic-curve key
    and, if there is one, the certificate of it. Raises Failure."""
    try:
        from model_signing import hashing, signing
        from model_signing._signing import sign_certificate, sign_ec_key
    except ImportError:
        raise Failure(f"Nothing was signed: {missing_extra()}.") from None

    config = signing.Config()
    # Every file is listed, those of git as well: a digest is of all files.
    config.set_hashing_config(hashing.Config().set_ignored_paths(paths=[], ignore_git_paths=False))
    try:
        private: Any = _KeyInMemory(key, password)
        if certificate is None:
            config._signer = sign_ec_key.Signer(private)
        else:
            # The library cannot read a chain of nothing (1.1.1).
            config._signer = sign_certificate.Signer(private, certificate, chain or [certificate])
        config.sign(folder, target)
    except Exception as error:  # of four libraries
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise Failure(
            f"Nothing was signed: {reason}",
            fix="The key must be an elliptic-curve key in PEM (secp256r1, secp384r1 or"
            " secp521r1), and the certificate the one of that key.",
        ) from None
