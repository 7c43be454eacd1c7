"""Writing the index: a new one, or what is new since the tip of one."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from mlflow_gitops.core.history.mainline import MainLine
from mlflow_gitops.edges.git.index.commits import TABLE as COMMITS
from mlflow_gitops.edges.git.index.commits import pack_details
from mlflow_gitops.edges.git.index.files import (
    CatalogEntry,
    Change,
    by_file,
    pack_catalog,
    pack_changes,
    unpack_changes,
)
from mlflow_gitops.edges.git.index.head import Head
from mlflow_gitops.edges.git.index.new_rows import NewRows
from mlflow_gitops.edges.git.index.rows import IndexFault, IndexRows
from mlflow_gitops.edges.git.index.spine import SEGMENT, segments
from mlflow_gitops.edges.git.log import CommitRecord

_BATCH = 500
"""Commits that are written at once."""
_NOT_WRITTEN = (IndexFault, ValueError, OverflowError)
"""What writing raises, also about a text or a date that no index can hold."""
_MOST_INDEXES = 8
"""How many indexes a repository keeps: one for each main branch and registry folder."""
_ABANDONED = 3600.0
"""Seconds after which an unfinished file is of a process that was ended."""


class Growth:
    """Writes what the commits of a line from position `start` on did. `rows` are those of the index
    that has everything before; None to make a new one at `path`."""

    def __init__(
        self,
        rows: IndexRows | None,
        path: Path,
        seed: bytes,
        catalog: dict[str, CatalogEntry],
        start: int,
    ) -> None:
        if rows is None:
            _remove_abandoned(path)
            rows = NewRows.created(path, seed)
        self._rows = rows
        self._new = rows if isinstance(rows, NewRows) else None
        self._path = path
        self._catalog = dict(catalog)
        self._start = start
        self._commits: list[tuple[int, bytes, str]] = []
        self._beside_deletion: set[str] = set()

    def recorded(self, line: MainLine, records: Iterable[CommitRecord]) -> Iterator[CommitRecord]:
        """Yield the records and write them on the way. The line must have the changes of each one
        before the next is taken. What cannot be written is not written; the records come in any
        case."""
        is_writing, first_change = True, len(line.changes)
        try:
            for record in records:
                if is_writing:
                    is_writing = self._try_to_add(line, record)
                yield record
            if is_writing:
                with contextlib.suppress(*_NOT_WRITTEN):
                    self._finish(line, line.changes[first_change:])
                    self._new = None  # it is in its place
        finally:
            if self._new is not None:
                self._new.discard()

    def _try_to_add(self, line: MainLine, record: CommitRecord) -> bool:
        position = line.index[record.sha]
        if any(blob is None for _, blob in record.changes):
            self._beside_deletion.update(path for path, _ in record.changes)
        try:
            self._commits.append((position, pack_details(record.details), record.sha))
            if self._new is not None and len(self._commits) >= _BATCH:
                self._write_commits()
        except _NOT_WRITTEN:
            return False
        return True

    def _write_commits(self) -> None:
        self._rows.write(COMMITS, self._commits)
        self._commits.clear()

    def _finish(self, line: MainLine, changes: Sequence[Change]) -> None:
        if self._new is not None:
            self._write_rows(line, changes, None)
            self._new.publish(self._path)
            return
        before = self._rows.get("head", 0)
        self._rows.begin()
        try:
            if before is None or self._rows.get("head", 0) != before:
                raise IndexFault("another process was faster")
            self._write_rows(line, changes, Head.unpack(before))
            self._rows.commit()
        except BaseException:
            self._rows.rollback()
            raise

    def _write_rows(self, line: MainLine, changes: Sequence[Change], before: Head | None) -> None:
        self._write_commits()
        sums = list(before.spine[: self._start // SEGMENT]) if before else []
        packed = list(segments(line, self._start))
        self._rows.write("spine", ((number, data, "") for number, data in packed))
        sums += [self._rows.sum_of("spine", number, data).hex() for number, data in packed]

        self._write_files(changes)
        catalog = pack_catalog(self._catalog)
        self._rows.write("catalog", [(0, catalog, "")])
        checksum = self._rows.sum_of("catalog", 0, catalog).hex()
        head = Head(len(line.shas), tuple(sums), checksum)
        self._rows.write("head", [(0, head.pack(), "")])

    def _write_files(self, new_changes: Sequence[Change]) -> None:
        for path, changes in by_file(new_changes).items():
            entry = self._catalog.get(path)
            if entry is not None:
                data = self._rows.get("files", path)
                if data is None or self._rows.sum_of("files", path, data).hex() != entry.checksum:
                    raise IndexFault("damaged row of files")
                changes = [*unpack_changes(data), *changes]
            data = pack_changes(changes)
            is_beside_deletion = path in self._beside_deletion or (
                entry is not None and entry.is_beside_deletion
            )
            checksum = self._rows.sum_of("files", path, data).hex()
            self._catalog[path] = CatalogEntry(checksum, changes[-1][0], is_beside_deletion)
            self._rows.write("files", [(path, data, "")])


def _remove_abandoned(path: Path) -> None:
    """Remove files that a process began and never finished, and the indexes that did not grow for
    the longest time."""
    with contextlib.suppress(OSError):
        for file in path.parent.glob(f".{path.name}.*"):
            if file.stat().st_mtime < time.time() - _ABANDONED:
                file.unlink()
        others = [file for file in path.parent.glob("history-*.sqlite3") if file != path]
        others.sort(key=lambda file: file.stat().st_mtime, reverse=True)
        for file in others[_MOST_INDEXES - 1 :]:
            file.unlink()
