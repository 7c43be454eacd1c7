"""What a signature in git says of a version's files (OpenSSF model-signing format)."""

from __future__ import annotations

from typing import NamedTuple


class SignedFiles(NamedTuple):
    """The files that a signature lists.

    `signer` is the name of the key or certificate that the signature fits, `digest` the digest of
    the signed list of files as a pin writes it. `fault` is why no signature counts; the rest is
    then empty.
    """

    signer: str = ""
    digest: str = ""
    fault: str | None = None
