"""The index file: one SQLite database, each row of which has a checksum.

A row that is damaged, of another index, or under another key does not fit its checksum. The file is
only a cache: every method raises `IndexFault` if something is wrong with it, and the caller goes on
with what git says.
"""

from __future__ import annotations

import contextlib
import sqlite3
import stat
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from pathlib import Path

Key = int | str

TABLES = ("head", "spine", "catalog", "files", "commits", "merges", "manifests")
CREATE = "CREATE TABLE {} (key PRIMARY KEY, data BLOB NOT NULL, sum BLOB NOT NULL) WITHOUT ROWID"
_SUM_BYTES = 8
COMPANIONS = ("-journal", "-wal", "-shm")
"""The files that SQLite opens beside a database, by the ends of their names."""
_MAX_KEYS = 500
"""Keys of one query. SQLite allows 999 in its oldest versions."""


class IndexFault(Exception):
    """The index cannot be used: it is missing, damaged, busy, or of something else."""


class IndexRows:
    """The rows of one index file. `seed` identifies what it is an index of."""

    def __init__(self, connection: sqlite3.Connection, path: Path, seed: bytes) -> None:
        self._connection = connection
        self.path = path
        self._seed = seed

    @classmethod
    def opened(cls, path: Path, seed: bytes) -> IndexRows:
        """Open an existing file. It is only read if its folder cannot be written."""
        _check_files(path)
        for mode in ("rw", "ro"):
            with contextlib.suppress(sqlite3.Error, IndexFault):
                rows = cls(connect(path, mode), path, seed)
                rows.check_schema()
                return rows
        raise IndexFault("unreadable")

    def check_schema(self) -> None:
        """Raise IndexFault if the file has other tables, or a trigger or view."""
        found = self._query("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")
        if sorted(sql for (sql,) in found) != sorted(CREATE.format(table) for table in TABLES):
            raise IndexFault("schema")

    def sum_of(self, table: str, key: Key, data: bytes, context: str = "") -> bytes:
        """The checksum of a row. `context` is what else the row belongs to, such as a commit."""
        digest = blake2b(f"{table}\0{key}\0{context}\0".encode(), digest_size=_SUM_BYTES)
        digest.update(self._seed)
        digest.update(data)
        return digest.digest()

    def get(self, table: str, key: Key, context: str = "") -> bytes | None:
        """The content of a row; None if there is no such row."""
        for _, data, checksum in self._query(
            f"SELECT key, data, sum FROM {table} WHERE key = ?", (key,)
        ):
            return self._checked(table, key, data, checksum, context)
        return None

    def with_keys(
        self, table: str, keys: Sequence[Key] | None = None
    ) -> Iterator[tuple[Key, bytes, str]]:
        """Yield key, content and checksum, in hex digits, of the rows with these keys, or of all
        rows in the order of their keys."""
        columns = f"SELECT key, data, sum FROM {table}"
        if keys is None:
            for key, data, checksum in self._query(f"{columns} ORDER BY key"):
                yield key, self._checked(table, key, data, checksum), checksum.hex()
            return
        for start in range(0, len(keys), _MAX_KEYS):
            part = tuple(keys[start : start + _MAX_KEYS])
            marks = ",".join("?" * len(part))
            for key, data, checksum in self._query(f"{columns} WHERE key IN ({marks})", part):
                yield key, self._checked(table, key, data, checksum), checksum.hex()

    def between(self, table: str, first: int, last: int) -> Iterator[tuple[int, bytes, bytes]]:
        """Yield key, content and checksum, not compared, of the rows from one key to another."""
        command = f"SELECT key, data, sum FROM {table} WHERE key BETWEEN ? AND ? ORDER BY key"
        return self._query(command, (first, last))

    def is_right(self, table: str, row: tuple[int, bytes, bytes], context: str) -> bool:
        key, data, checksum = row
        return self.sum_of(table, key, data, context) == checksum

    def write(self, table: str, rows: Iterable[tuple[Key, bytes, str]]) -> None:
        """Write rows: key, content and context."""
        values = ((key, data, self.sum_of(table, key, data, text)) for key, data, text in rows)
        try:
            self._connection.executemany(f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?)", values)
        except sqlite3.Error as error:
            raise IndexFault(str(error)) from None

    def begin(self) -> None:
        """Begin to write an existing file. Raises IndexFault if another process does."""
        self._execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        self._execute("COMMIT")

    def close(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()

    def rollback(self) -> None:
        with contextlib.suppress(IndexFault):
            self._execute("ROLLBACK")

    def _checked(
        self, table: str, key: Key, data: bytes, checksum: bytes, context: str = ""
    ) -> bytes:
        if not isinstance(data, bytes) or self.sum_of(table, key, data, context) != checksum:
            raise IndexFault(f"damaged row of {table}")
        return data

    def _execute(self, command: str) -> None:
        try:
            self._connection.execute(command)
        except sqlite3.Error as error:
            raise IndexFault(str(error)) from None

    def _query(self, command: str, values: Sequence[Key] = ()) -> Iterator[tuple]:  # type: ignore[type-arg]
        try:
            yield from self._connection.execute(command, tuple(values))
        except (sqlite3.Error, UnicodeDecodeError, OverflowError) as error:
            raise IndexFault(str(error)) from None


def _check_files(path: Path) -> None:
    """Raise IndexFault if there is no such file, or if SQLite would follow a link or wait for a
    pipe: as the index, or as one of its companions."""
    for end in ("", *COMPANIONS):
        try:
            mode = path.with_name(path.name + end).lstat().st_mode
        except OSError as error:
            if end and isinstance(error, FileNotFoundError):
                continue
            raise IndexFault(str(error)) from None
        if not stat.S_ISREG(mode):
            raise IndexFault("not a plain file")


def connect(path: Path, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True, timeout=0, isolation_level=None, check_same_thread=False,
    )  # fmt: skip
    # The file may be damaged or not ours: nothing in its schema is run.
    connection.execute("PRAGMA trusted_schema=OFF")
    connection.execute("PRAGMA cell_size_check=ON")
    return connection
