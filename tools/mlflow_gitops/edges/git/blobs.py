"""Reading blobs in bulk from `git cat-file --batch`."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Iterable, Mapping
from queue import SimpleQueue
from threading import Thread
from typing import IO, cast

from mlflow_gitops.core.yaml.document import MAX_BYTES
from mlflow_gitops.errors import GitFailure

BlobConsumer = Callable[[str, str, "bytes | None"], None]
"""Receives a file's path, its blob's id, and its content: None if the blob is missing or too
large."""

_CHUNK = 1 << 16  # bytes read at once from a blob that is skipped
_KNOWN_BYTES = 1 << 20  # of blobs that are kept, in all
_REQUESTS_AT_ONCE = 64  # a write to git's input costs more than an answer, so requests are bundled
_ID_LENGTH = 40  # hex digits of a SHA-1; SHA-256 has more


def is_blob_id(text: str) -> bool:
    """Return whether a text is an id and not the "link" or "" that may take its place."""
    return len(text) >= _ID_LENGTH


def read_blob(stdout: IO[bytes], limit: int | None = MAX_BYTES) -> bytes | None:
    """Return the next blob's content from the output of `git cat-file --batch`.

    None if git has no such object, or if it is larger than `limit` bytes: then it is skipped
    without being held in memory. Raises GitFailure if git ended too early.
    """
    header = stdout.readline().split()
    if len(header) == 2:  # "<id> missing"
        return None
    size = int(header[2]) if header else 0
    is_kept = limit is None or size <= limit

    while not is_kept and size > _CHUNK and len(stdout.read(_CHUNK)) == _CHUNK:
        size -= _CHUNK
    data = stdout.read(size)

    if not header or len(data) < size or stdout.read(1) != b"\n":
        raise GitFailure(
            "git cat-file ended too early.", fix="The repository may be damaged: run git fsck."
        )
    return data if is_kept else None


class KnownBlobs:
    """Contents that were read, by id: a blob never changes. Only so many bytes are kept, which are
    enough for a small registry."""

    def __init__(self) -> None:
        self._contents: dict[str, bytes] = {}
        self._room = _KNOWN_BYTES

    def of(self, ids: Iterable[str], limit: int | None) -> dict[str, bytes]:
        """Return the contents that are known and not larger than `limit` bytes."""
        known = {blob: self._contents[blob] for blob in ids if blob in self._contents}
        return {
            blob: content
            for blob, content in known.items()
            if limit is None or len(content) <= limit
        }

    def add(self, contents: Mapping[str, bytes]) -> None:
        for blob, content in contents.items():
            if blob not in self._contents and len(content) <= self._room:
                self._room -= len(content)
                self._contents[blob] = content


class BlobStream:
    """One `git cat-file --batch` that answers in a thread while more requests are added.

    Contents go to `consume` in the order requested, so that they are parsed while git still looks
    for the rest. `start` starts git at the first request.
    """

    def __init__(self, start: Callable[[], subprocess.Popen[bytes]], consume: BlobConsumer) -> None:
        self._start = start
        self._consume = consume
        self._process: subprocess.Popen[bytes] | None = None
        self._sent: SimpleQueue[list[tuple[str, str]]] = SimpleQueue()
        self._requested: set[str] = set()
        self._pending: list[tuple[str, str]] = []
        self._error: BaseException | None = None

    def request(self, files: Iterable[tuple[str, str]]) -> None:
        """Request the blobs of these (path, id) pairs; each blob is read once."""
        for path, blob in files:
            if blob not in self._requested and is_blob_id(blob):
                self._requested.add(blob)
                self._pending.append((path, blob))
                if len(self._pending) >= _REQUESTS_AT_ONCE:
                    self._send()

    def close(self) -> None:
        """Wait for the last answer. Raises GitFailure, and whatever `consume` raised."""
        self._send()
        if self._process is None:
            return
        self._sent.put([])

        with contextlib.suppress(BrokenPipeError):
            cast(IO[bytes], self._process.stdin).close()
        self._thread.join()
        cast(IO[bytes], self._process.stdout).close()
        self._process.wait()

        if self._error is not None:
            raise self._error

    def _send(self) -> None:
        if not self._pending:
            return
        if self._process is None:
            self._process = self._start()
            self._thread = Thread(target=self._listen, args=(self._process.stdout,), daemon=True)
            self._thread.start()

        stdin = cast(IO[bytes], self._process.stdin)
        with contextlib.suppress(BrokenPipeError):  # git ended; `_listen` finds that out
            stdin.write("".join(f"{blob}\n" for _, blob in self._pending).encode())
            stdin.flush()
        self._sent.put(self._pending)
        self._pending = []

    def _listen(self, stdout: IO[bytes]) -> None:
        try:
            while requests := self._sent.get():
                for path, blob in requests:
                    self._consume(path, blob, read_blob(stdout))
        except BaseException as error:  # raised again by `close`
            self._error = error
            cast("subprocess.Popen[bytes]", self._process).kill()
