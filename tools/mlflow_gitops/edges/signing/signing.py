"""Signs the files of a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mlflow_gitops.edges.signing.checking import missing_extra
from mlflow_gitops.errors import Failure


def sign_folder(
    folder: Path, key: Path, certificate: Path | None, chain: Sequence[Path], target: Path
) -> None:
    """Sign every file below `folder`, and write the signature to `target`, by an elliptic-curve key
    and, if there is one, the certificate of it. Raises Failure."""
    try:
        from model_signing import hashing, signing
    except ImportError:
        raise Failure(f"Nothing was signed: {missing_extra()}.") from None

    config = signing.Config()
    # Every file is listed, those of git as well: a digest is of all files.
    config.set_hashing_config(hashing.Config().set_ignored_paths(paths=[], ignore_git_paths=False))
    try:
        if certificate is None:
            config.use_elliptic_key_signer(private_key=key)
        else:
            # The library cannot read a chain of nothing (1.1.1).
            config.use_certificate_signer(
                private_key=key,
                signing_certificate=certificate,
                certificate_chain=chain or [certificate],
            )
        config.sign(folder, target)
    except Exception as error:  # the libraries raise TypeError for a key with a password
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise Failure(
            f"Nothing was signed: {reason}",
            fix="The key must be an elliptic-curve key in PEM without a password (secp256r1,"
            " secp384r1 or secp521r1), and the certificate the one of that key.",
        ) from None
