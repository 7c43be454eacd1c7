"""An HTTP server whose answers do not end, or are larger than anybody needs."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MANNERS = ("without an end", "in chunks without an end", "compressed", "of a stated size")
"""How an answer is too large."""
DRIP = "a byte at a time"

_PIECE = b"x" * (1 << 16)


@cache
def _bomb() -> bytes:
    return gzip.compress(b" " * (64 << 20), 1)


class Endless(ThreadingHTTPServer):
    """Answers a path that ends in `hostile` as `manner` says, others by what `answers` has for the
    end of their path. `sent` counts the bytes of hostile answers."""

    daemon_threads = True

    def __init__(self, manner: str, hostile: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.manner, self.hostile, self.sent = manner, hostile, 0
        self.answers: dict[str, Any] = {}

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body are sent apart: with Nagle's algorithm the body waits 40 ms for an ACK.
    disable_nagle_algorithm = True
    server: Endless

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path.endswith(self.server.hostile):
            with suppress(OSError):
                self._answer_badly()
            self.close_connection = True
            return
        found = next((a for end, a in self.server.answers.items() if path.endswith(end)), {})
        data = json.dumps(found).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_POST = do_GET

    def _answer_badly(self) -> None:
        manner = self.server.manner
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        if manner == "in chunks without an end":
            self.send_header("Transfer-Encoding", "chunked")
        if manner == "compressed":
            self.send_header("Content-Encoding", "gzip")
        if manner == "of a stated size":
            self.send_header("Content-Length", str(1 << 40))
        self.end_headers()
        piece = _PIECE
        if manner == "compressed":
            self._send(_bomb())
            return
        if manner == "in chunks without an end":
            piece = f"{len(_PIECE):x}\r\n".encode() + _PIECE + b"\r\n"
        while True:
            self._send(b"x" if manner == DRIP else piece)
            if manner == DRIP:
                time.sleep(0.05)

    def _send(self, data: bytes) -> None:
        self.wfile.write(data)
        self.server.sent += len(data)

    def log_message(self, *args: Any) -> None:
        pass


@contextmanager
def endless(manner: str, hostile: str) -> Iterator[Endless]:
    """Serve until the context ends."""
    server = Endless(manner, hostile)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
