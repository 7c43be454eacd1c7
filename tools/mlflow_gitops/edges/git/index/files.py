"""What the commits of an indexed line did to each file: packed rows, and the catalog of them."""

from __future__ import annotations

import json
from bisect import bisect_left
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


def unpack_changes(data: bytes, first: int = 0, end: int | None = None) -> list[FileChange]:
    """The changes at the position `first` and after it, and the last one before it, without those
    from the position `end` on. Raises ValueError for what `pack_changes` did not make."""
    texts, _, blobs = data.decode().partition("\n")
    positions = list(map(int, texts.split(" ")))
    start = max(bisect_left(positions, first) - 1, 0)
    # Splitting what is not needed would take most of the time.
    ids = blobs.rsplit(" ", len(positions) - start)[1:] if start else blobs.split(" ")
    if len(ids) != len(positions) - start:
        raise ValueError("a row of another length")
    stop = len(positions) if end is None else bisect_left(positions, end)
    changes = zip(positions[start:stop], ids, strict=False)
    return [(position, None if blob == _DELETED else blob) for position, blob in changes]


def pack_catalog(catalog: dict[str, CatalogEntry]) -> bytes:
    return json.dumps(catalog, separators=(",", ":")).encode()


def unpack_catalog(data: bytes) -> dict[str, CatalogEntry]:
    return {path: CatalogEntry(*entry) for path, entry in json.loads(data).items()}


def by_file(changes: Iterable[Change]) -> dict[str, list[FileChange]]:
    """The changes of each file, in the order of the line."""
    files: dict[str, list[FileChange]] = {}
    for position, path, blob in changes:
        files.setdefault(path, []).append((position, blob))
    return files


def in_line_order(changes: list[Change]) -> list[Change]:
    """Changes by commit and, within one, in the reverse order of their paths, as `git diff-tree`
    is read."""
    changes.sort(key=lambda change: change[1], reverse=True)
    changes.sort(key=lambda change: change[0])
    return changes
