"""Blobs from `git cat-file --batch`: one answer, and a stream of them that is asked while it
answers."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Iterable
from queue import SimpleQueue
from threading import Thread
from typing import IO, cast

from mlflow_gitops.core.yaml.document import MAX_BYTES
from mlflow_gitops.errors import GitFailure

BlobConsumer = Callable[[str, str, "bytes | None"], None]
"""Takes one file's path, its blob's id, and its content: None where there is none of a fair size."""


def read_blob(stdout: IO[bytes], limit: int | None = MAX_BYTES) -> bytes | None:
    """The next blob's content; None where git has none of that id, or one of more than `limit`
    bytes, which is passed over without being kept. Raises GitFailure."""
    header = stdout.readline().split()
    if len(header) == 2:
        return None
    size = int(header[2]) if header else 0
    kept = limit is None or size <= limit
    while not kept and size > _PIECE and len(stdout.read(_PIECE)) == _PIECE:
        size -= _PIECE
    data = stdout.read(size)
    if not header or len(data) < size or stdout.read(1) != b"\n":
        raise GitFailure("git cat-file ended too early. Is the repository damaged? Try git fsck.")
    return data if kept else None


_PIECE = 1 << 16
_AT_ONCE = 64
"""Blobs that are asked for together: a question costs more than an answer."""


class BlobStream:
    """One `git cat-file --batch` whose answers are handed to `take` in a thread of its own, in the
    order in which they were asked for: what is made of them is made while git still looks for the
    rest. `start` is called at the first question."""

    def __init__(self, start: Callable[[], subprocess.Popen[bytes]], take: BlobConsumer) -> None:
        self._start = start
        self._take = take
        self._process: subprocess.Popen[bytes] | None = None
        self._asked: SimpleQueue[list[tuple[str, str]]] = SimpleQueue()
        self._seen: set[str] = set()
        self._next: list[tuple[str, str]] = []
        self._failed: BaseException | None = None

    def request(self, files: Iterable[tuple[str, str]]) -> None:
        """Ask for the blobs of these (path, id), each once however often it is named."""
        for path, blob in files:
            if blob not in self._seen and len(blob) >= 40:
                self._seen.add(blob)
                self._next.append((path, blob))
        if len(self._next) >= _AT_ONCE:
            self._send()

    def close(self) -> None:
        """Wait for the last answer. Raises GitFailure, and whatever `take` raised."""
        self._send()
        if self._process is None:
            return
        self._asked.put([])
        with contextlib.suppress(BrokenPipeError):
            cast(IO[bytes], self._process.stdin).close()
        self._thread.join()
        cast(IO[bytes], self._process.stdout).close()
        self._process.wait()
        if self._failed is not None:
            raise self._failed

    def _send(self) -> None:
        if not self._next:
            return
        if self._process is None:
            self._process = self._start()
            self._thread = Thread(target=self._listen, args=(self._process.stdout,), daemon=True)
            self._thread.start()
        stdin = cast(IO[bytes], self._process.stdin)
        with contextlib.suppress(BrokenPipeError):  # git ended; who reads its answers notices
            stdin.write("".join(f"{blob}\n" for _, blob in self._next).encode())
            stdin.flush()
        self._asked.put(self._next)
        self._next = []

    def _listen(self, stdout: IO[bytes]) -> None:
        try:
            while asked := self._asked.get():
                for path, blob in asked:
                    self._take(path, blob, read_blob(stdout))
        except BaseException as error:  # told by `close`
            self._failed = error
            cast("subprocess.Popen[bytes]", self._process).kill()
