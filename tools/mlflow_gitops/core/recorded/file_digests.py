"""The digest of a version's files: one SHA-256 over the paths and contents of all of them.

It is the SHA-256 of one line a file, `<path>\\0<SHA-256 of the content in hex>\\n`, in the order of
the paths' parts. The OpenSSF model-signing format (model-signing 1.1.1) has a root digest, too, but
that covers the contents alone: two files that swap their names keep it. Its names are only in the
signed statement around it. And the library needs sigstore and its servers' clients, which a tool
that only compares files should not install.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from mlflow_gitops.core.recorded.numbers import format_size

NOT_DIGESTED = "registered_model_meta"
"""MLflow writes this file beside the artifacts of a registered version when it downloads them; it
names the version (MLflow 3.17)."""

_MOST_SHOWN = 8
"""The files that a text lists."""


@dataclass(frozen=True, slots=True)
class FileDigest:
    """One file: its path below the version's folder with forward slashes, its size in bytes, and
    the SHA-256 of its content in hex."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """All files of one version."""

    files: tuple[FileDigest, ...]

    @property
    def digest(self) -> str:
        """The digest that a pin holds, `sha256:…`."""
        total = hashlib.sha256()
        for file in sorted(self.files, key=lambda file: file.path.split("/")):
            line = f"{file.path}\0{file.sha256}\n"
            total.update(line.encode("utf-8", "surrogateescape"))
        return f"sha256:{total.hexdigest()}"

    @property
    def size(self) -> int:
        """The sum of the sizes in bytes."""
        return sum(file.size for file in self.files)

    @property
    def summary(self) -> str:
        """The names and sizes of the largest files, for people."""
        if not self.files:
            return "no files"
        largest = sorted(self.files, key=lambda file: (-file.size, file.path))[:_MOST_SHOWN]
        shown = [f"{file.path} ({format_size(file.size)})" for file in largest]
        more = len(self.files) - len(shown)
        return ", ".join(shown) + (f" and {more} more" if more else "")
