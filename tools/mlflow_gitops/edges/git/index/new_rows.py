"""A new index file: it is made beside the old one, and put in its place whole."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from mlflow_gitops.edges.git.index.rows import (
    COMPANIONS,
    CREATE,
    TABLES,
    IndexFault,
    IndexRows,
    connect,
)


class NewRows(IndexRows):
    """The rows of an index file that is being made."""

    @classmethod
    def created(cls, path: Path, seed: bytes) -> NewRows:
        """Begin a new file beside `path`; `publish` puts it in place."""
        try:
            path.parent.mkdir(exist_ok=True)
            new = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}.new")
            connection = connect(new, "rwc")
            # Until it is in its place, nothing depends on this file.
            connection.execute("PRAGMA journal_mode=OFF")
            connection.execute("PRAGMA synchronous=OFF")
            connection.execute("BEGIN")
            for table in TABLES:
                connection.execute(CREATE.format(table))
        except (OSError, sqlite3.Error) as error:
            raise IndexFault(str(error)) from None
        return cls(connection, new, seed)

    def publish(self, path: Path) -> None:
        """Put a new file in its place, whole or not at all."""
        self._execute("COMMIT")
        self.close()
        try:
            with self.path.open("rb+") as stream:
                os.fsync(stream.fileno())
            # An old journal belongs to the old file, and would be applied to the new one.
            for end in COMPANIONS:
                path.with_name(path.name + end).unlink(missing_ok=True)
            self.path.replace(path)
        except OSError as error:
            self.discard()
            raise IndexFault(str(error)) from None

    def discard(self) -> None:
        """Remove a file that was begun and is not to be published."""
        self.close()
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)
