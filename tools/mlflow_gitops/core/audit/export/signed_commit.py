"""The signature in a commit object, apart from what it signs (git help gitformat-signature)."""

from __future__ import annotations

from typing import NamedTuple

_HEADERS = (b"gpgsig ", b"gpgsig-sha256 ")


class SignedCommit(NamedTuple):
    """A commit object without its signature, which is what was signed, and the signature."""

    payload: bytes
    signature: bytes

    @property
    def is_ssh(self) -> bool:
        return self.signature.startswith(b"-----BEGIN SSH SIGNATURE-----")


def signed_commit(commit: bytes) -> SignedCommit | None:
    """Split a commit object, as `git cat-file commit` prints it; None if it is not signed."""
    headers, separator, message = commit.partition(b"\n\n")
    payload: list[bytes] = []
    signature: list[bytes] = []
    is_signature = False
    for line in headers.split(b"\n"):
        if line.startswith(_HEADERS):
            is_signature = True
            signature.append(line.partition(b" ")[2])
        elif is_signature and line.startswith(b" "):
            signature.append(line[1:])
        else:
            is_signature = False
            payload.append(line)
    if not signature:
        return None
    text = b"\n".join(signature).strip(b"\n") + b"\n"
    return SignedCommit(b"\n".join(payload) + separator + message, text)
