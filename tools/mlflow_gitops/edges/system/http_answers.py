"""A limit on what HTTP servers may answer (RULES R11).

MLflow's client and PyGithub read whole answers into memory, and MLflow's storage driver writes them
to disk, without a limit of their own. All of them send their requests through the adapter of
`requests`, so that is where the bytes are counted: as they arrive, and after decompression.
"""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from requests import PreparedRequest

_context = threading.local()
_files: dict[str, tuple[int, float]] = {}
_installing = threading.Lock()


TOO_LARGE = re.compile(r"sends an answer of more than [0-9]+ MiB, which is not read")
"""The text of AnswerTooLarge, for exceptions that quote it and forget their cause."""


class AnswerTooLarge(Exception):
    """A server sends more than is read. The text completes a sentence about the server."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"sends an answer of more than {limit >> 20} MiB, which is not read")


@contextmanager
def answers_up_to(limit: int, seconds: float | None = None) -> Iterator[None]:
    """Within this context, the calling thread reads at most `limit` bytes of each answer, and for
    so many seconds. A larger one raises AnswerTooLarge in the library that made the request, which
    may wrap it."""
    _count_answers()
    outer = getattr(_context, "limits", (None, None))
    _context.limits = limit, seconds
    try:
        yield
    finally:
        _context.limits = outer


def limit_files(names: Iterable[str], limit: int, seconds: float) -> None:
    """From now on, read at most `limit` bytes of files with these names, and for so many seconds,
    in every thread: MLflow downloads files in threads of its own, which keep the process alive."""
    _count_answers()
    _files.update(dict.fromkeys(names, (limit, seconds)))


def _count_answers() -> None:
    """Let the adapter of `requests` count, once in a process. A request without a limit is sent as
    before."""
    from requests.adapters import HTTPAdapter

    with _installing:
        send = HTTPAdapter.send
        if getattr(send, "counts_answers", False):
            return

        def counted_send(self: Any, request: PreparedRequest, *args: Any, **options: Any) -> Any:
            response = send(self, request, *args, **options)
            limit, seconds = _limits_of(request)
            if limit is not None:
                _limit_body(response, limit, seconds)
            return response

        counted_send.counts_answers = True  # type: ignore[attr-defined]
        HTTPAdapter.send = counted_send  # type: ignore[method-assign]


def _limits_of(request: PreparedRequest) -> tuple[int | None, float | None]:
    """The bytes and the seconds that the answer to a request may take."""
    path = (request.url or "").partition("?")[0]
    of_file = _files.get(unquote(path.rpartition("/")[2]))
    limits: tuple[int | None, float | None] = getattr(_context, "limits", (None, None))
    return of_file or limits


def _limit_body(response: Any, limit: int, seconds: float | None) -> None:
    """Let a response of `requests` count what is read from it. The connection is closed at a limit,
    so that an answer without an end costs nothing more."""
    read_stream = response.raw.stream
    is_late = threading.Event()

    def give_up() -> None:
        is_late.set()
        _interrupt(response.raw)

    timer = threading.Timer(seconds, give_up) if seconds is not None else None
    if timer is not None:
        timer.daemon = True
        timer.start()

    def counted_stream(*args: Any, **options: Any) -> Iterator[bytes]:
        size = 0
        try:
            for chunk in read_stream(*args, **options):
                size += len(chunk)
                if size > limit:
                    response.close()
                    raise AnswerTooLarge(limit)
                yield chunk
            if is_late.is_set():
                raise TimeoutError("the answer took too long")
        finally:
            if timer is not None:
                timer.cancel()

    response.raw.stream = counted_stream


def _interrupt(raw: Any) -> None:
    """Wake the thread that waits for more of an answer. urllib3 closes nothing from another thread
    while a read is under way."""
    connection = getattr(raw, "connection", None)
    sock = getattr(connection, "sock", None)
    with suppress(OSError, ValueError):
        if sock is not None:
            sock.shutdown(socket.SHUT_RDWR)
        elif hasattr(raw, "shutdown"):
            raw.shutdown()
