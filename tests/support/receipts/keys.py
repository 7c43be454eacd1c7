"""SSH keys that sign receipts."""

from __future__ import annotations

import subprocess
from pathlib import Path


def new_key(folder: Path, name: str = "runner") -> Path:
    """A private key without a passphrase; its public key lies beside it."""
    file = folder / name
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(file)]
    subprocess.run(command, check=True)
    return file


def allowed_line(key: Path, principal: str = "runner@example.org") -> str:
    """The line of `allowed_signers` that allows a key."""
    return f"{principal} {key.with_suffix('.pub').read_text()}"
