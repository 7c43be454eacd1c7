"""A tar archive whose bytes depend on nothing but the names and contents of its files."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Mapping

SUMS = "SHA256SUMS"


def archive(files: Mapping[str, bytes], folder: str) -> bytes:
    """Return a tar of the files in one folder, sorted, with a list of their digests for `sha256sum
    -c`. It holds no times, users or modes of this machine."""
    lines = [f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files)]
    all_files = {**files, SUMS: "".join(lines).encode()}

    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name in sorted(all_files):
            entry = tarfile.TarInfo(f"{folder}/{name}")
            entry.size = len(all_files[name])
            entry.mode = 0o644
            tar.addfile(entry, io.BytesIO(all_files[name]))
    return output.getvalue()
