"""A signer's private key, which may be protected by a password."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from mlflow_gitops.edges.signing.checking import missing_extra
from mlflow_gitops.errors import Failure

PASSWORD = "MLFLOW_GITOPS_KEY_PASSWORD"
"""The variable with the password of the key. An argument would show in the list of processes and
in the shell's history."""

AskPassword = Callable[[], str]


def key_password(key: Path, ask: AskPassword | None) -> bytes | None:
    """The password of a key; None if it has none. It comes from the variable, or else from `ask`,
    which is None if nobody can be asked. Raises Failure, also for a wrong password."""
    if not _has_password(key):
        return None
    stated = os.environ.get(PASSWORD)
    source = f"The password in {PASSWORD}" if stated else "The password"
    if not stated and ask is None:
        raise Failure(
            f"Nothing was signed: the key {key} has a password.",
            fix=f"Set it as {PASSWORD}, or run this on a terminal, where it is asked for.",
        )

    password = (stated or (ask() if ask is not None else "")).encode()
    try:
        unlocked_key(key, password)
    except ValueError:
        raise Failure(f"Nothing was signed: {source} does not fit the key {key}.") from None
    except Exception as error:  # an algorithm that the library does not know, and the like
        raise Failure(f"Nothing was signed: the key {key} cannot be read: {error}") from None
    return password


def unlocked_key(key: Path, password: bytes | None) -> bytes:
    """The key in PEM without its password. It is never written to a disk."""
    from cryptography.hazmat.primitives import serialization

    private = serialization.load_pem_private_key(key.read_bytes(), password)
    return private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _has_password(key: Path) -> bool:
    """Whether a key cannot be read without a password. Other faults are found by who signs."""
    try:
        unlocked_key(key, None)
    except ImportError:
        raise Failure(f"Nothing was signed: {missing_extra()}.") from None
    except TypeError:  # how the library says that a password is needed (cryptography 41 to 46)
        return True
    except Exception:
        return False
    return False
