"""What the commits of an indexed line did to each file: packed rows, and the catalog of them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import NamedTuple

from mlflow_gitops.core.history.line.file_choice import FileSummary

Change = tuple[int, str, "str | None"]
"""As in `MainLine.changes`: position, path, and blob id or None."""
FileChange = tuple[int, "str | None"]
"""Position and blob id of one change of a file."""

_DELETED = "-"


class CatalogEntry(NamedTuple):
    """What the catalog has of one file: the checksum of its row, in hex digits, and the summary of
    its changes."""

    checksum: str
    last: int
    is_beside_deletion: bool

    @property
    def summary(self) -> FileSummary:
        return FileSummary(self.last, self.is_beside_deletion)


def pack_changes(changes: Iterable[FileChange]) -> bytes:
    """The changes of one file, in the order of the line."""
    changes = list(changes)
    positions = " ".join(str(position) for position, _ in changes)
    blobs = " ".join(blob or _DELETED for _, blob in changes)
    return f"{positions}\n{blobs}".encode()


def unpack_changes(data: bytes) -> list[FileChange]:
    """Raises ValueError for what `pack_changes` did not make."""
    positions, _, blobs = data.decode().partition("\n")
    ids = [None if blob == _DELETED else blob for blob in blobs.split(" ")]
    return list(zip(map(int, positions.split(" ")), ids, strict=True))


def pack_catalog(catalog: dict[str, CatalogEntry]) -> bytes:
    return json.dumps(catalog, separators=(",", ":")).encode()


def unpack_catalog(data: bytes) -> dict[str, CatalogEntry]:
    return {path: CatalogEntry(*entry) for path, entry in json.loads(data).items()}


def in_line_order(changes: list[Change]) -> list[Change]:
    """Changes by commit and, within one, in the reverse order of their paths, as `git diff-tree`
    is read."""
    changes.sort(key=lambda change: change[1], reverse=True)
    changes.sort(key=lambda change: change[0])
    return changes
