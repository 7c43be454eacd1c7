"""Reads all files of one version, a few at a time, and digests them.

A file is downloaded, digested and deleted before the next one takes its place, so that neither
memory nor disk grows with the model. A storage that stops sending is given up: MLflow's drivers
retry for minutes, or for ever.
"""

from __future__ import annotations

import hashlib
import os
import queue
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from mlflow_gitops.core.recorded.file_digests import FileDigest, ModelFiles
from mlflow_gitops.edges.mlflow.artifacts.digest_cache import DigestCache
from mlflow_gitops.edges.mlflow.artifacts.file_store import (
    FileStore,
    LocalStore,
    WholeStore,
    keep_file,
    listed_paths,
)
from mlflow_gitops.edges.system.cache import keep_list

_READERS = 4
_CHUNK = 1 << 20
_POLL = 0.25
LEAST_BYTES = 2 << 20
"""A storage that sends fewer bytes than this in `seconds`, and does not come to an end, is given
up: so a version is read in a time that its size limits."""

Report = Callable[[int], None]
"""Gets the number of bytes that have been digested so far."""


class TooSlow(Exception):
    """The storage sent too little for too long."""


class FileReader:
    """Reads the files of one store by way of the folder `files` in `scratch`, which keeps them if
    `keep` is set. Files that `cache` has are not read."""

    def __init__(
        self,
        store: FileStore,
        scratch: Path,
        *,
        keep: bool = False,
        cache: DigestCache | None = None,
    ) -> None:
        self._store, self._scratch, self._keep = store, scratch, keep
        self._cache = cache
        self._folder = scratch / "files"
        self._folder.mkdir()
        self._digests: list[FileDigest] = []
        self._errors: list[Exception] = []
        self._waiting: queue.SimpleQueue[tuple[str, str | None]] = queue.SimpleQueue()
        self._digested = 0
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    def read(self, seconds: float, report: Report = lambda count: None) -> ModelFiles:
        """Digest every file. Raises TooSlow, and whatever MLflow's storage drivers raise."""
        self._run([self._list], seconds, report)
        self._run([self._digest_files] * _READERS, seconds, report)
        if self._cache is not None:
            self._cache.save()
        return ModelFiles(tuple(sorted(self._digests, key=lambda file: file.path)))

    def _run(self, tasks: list[Callable[[], None]], seconds: float, report: Report) -> None:
        """Run tasks in threads of their own until all are done. The threads are daemons, since a
        driver that hangs cannot be stopped."""
        threads = [threading.Thread(target=self._guarded(task), daemon=True) for task in tasks]
        for thread in threads:
            thread.start()

        counted, since = 0, time.monotonic()
        while any(thread.is_alive() for thread in threads):
            next(thread for thread in threads if thread.is_alive()).join(_POLL)
            report(self._digested)
            # A file that was digested is deleted, so that this number may also become smaller.
            arrived = self._digested + _size_of(self._scratch)
            if abs(arrived - counted) >= LEAST_BYTES:
                counted, since = arrived, time.monotonic()
            elif time.monotonic() - since > seconds:
                self._stopped.set()
                raise TooSlow
        if self._errors:
            raise self._errors[0]

    def _guarded(self, task: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            try:
                task()
            except Exception as error:  # MLflow's many storage drivers may raise anything
                self._errors.append(error)
                self._stopped.set()

        return run

    def _list(self) -> None:
        if isinstance(self._store, WholeStore):
            self._store.download(Path(tempfile.mkdtemp(dir=self._scratch)))
        for path in listed_paths(self._store):
            if self._cache is None:
                self._waiting.put((path, None))
                continue
            identity = self._cache.identity(path)
            cached = self._cache.find(path, identity)
            if cached is not None:
                self._digests.append(cached)
            else:
                self._waiting.put((path, identity))

    def _digest_files(self) -> None:
        while not self._stopped.is_set():
            try:
                path, identity = self._waiting.get_nowait()
            except queue.Empty:
                return
            file = self._digest_file(path)
            self._digests.append(file)
            if self._cache is not None:
                self._cache.remember(file, identity)

    def _digest_file(self, path: str) -> FileDigest:
        source = self._store.obtain(path, self._folder)
        if self._keep:
            # What is digested is the copy that is kept, not what it was copied from.
            keep_file(source, self._folder / path)
            source = self._folder / path

        content, size = hashlib.sha256(), 0
        with open(source, "rb") as stream:
            while (chunk := stream.read(_CHUNK)) and not self._stopped.is_set():
                content.update(chunk)
                size += len(chunk)
                with self._lock:
                    self._digested += len(chunk)
        if not self._keep and not isinstance(self._store, LocalStore):
            source.unlink()
        return FileDigest(path, size, content.hexdigest())


def digest_of(folder: Path) -> str:
    """The digest of all files below a folder of this machine."""
    with tempfile.TemporaryDirectory(prefix="mlflow-gitops-") as scratch:
        files = FileReader(LocalStore(folder), Path(scratch)).read(float("inf"))
    keep_list(files)
    return files.digest


def _size_of(folder: Path) -> int:
    """The bytes of the files below a folder that have arrived so far."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(parent) / name).lstat().st_size
            except OSError:  # it was deleted in the meantime
                continue
    return total
