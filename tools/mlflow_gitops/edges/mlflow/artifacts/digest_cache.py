"""Digests of files that were read before, for as long as the storage shows the files unchanged.

A process that may write to this user's cache folder, or set the storage's clock, can forge an
entry. So only `verify --artifacts` uses it, and `verify --artifacts=full` does not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from mlflow_gitops.core.recorded.file_digests import FileDigest
from mlflow_gitops.core.recorded.file_lists import read_entry
from mlflow_gitops.edges.system.cache import read_cached, write_cached

Identity = Callable[[str], "str | None"]
"""What the storage itself says of the content at a path, which changes whenever it is written; None
if it says nothing that can be relied on."""


class DigestCache:
    """The digests of the files at one artifact location. `hits` counts those that were not read."""

    def __init__(self, location: str, identity: Identity) -> None:
        self._name = hashlib.sha256(location.encode("utf-8", "surrogateescape")).hexdigest()
        self._identity = identity
        entries = read_cached("digests", self._name)
        self._entries: dict[str, Any] = entries if isinstance(entries, dict) else {}
        self.hits = 0

    def identity(self, path: str) -> str | None:
        """The identity of a file at this moment."""
        return self._identity(path)

    def find(self, path: str, identity: str | None) -> FileDigest | None:
        """The digest that a file of this identity had when it was read."""
        entry = self._entries.get(path)
        if identity is None or not isinstance(entry, dict) or entry.get("identity") != identity:
            return None
        file = read_entry(entry.get("file"))
        if file is None or file.path != path:
            return None
        self.hits += 1
        return file

    def remember(self, file: FileDigest, identity: str | None) -> None:
        """Remember a file that was read, if its identity is still the one from before."""
        if identity is not None and self._identity(file.path) == identity:
            entry = {"identity": identity, "file": [file.path, file.size, file.sha256]}
            self._entries[file.path] = entry

    def save(self) -> None:
        """Keep what was read for the next time."""
        write_cached("digests", self._name, self._entries)
