"""A real HTTP proxy in front of a real server: it counts requests, and breaks them on demand."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Answer:
    """An answer that the proxy gives in the server's place."""

    status: int
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)


LOSE_THE_ANSWER = "lose the answer"
"""Forward the request, and drop the connection instead of answering."""

TRUNCATE = "truncate"
"""Forward the request, and send half of the answer."""

RESET = "reset"
"""Drop the connection without forwarding the request."""

STALL = "stall"
"""Do not answer, until the proxy is closed."""


@dataclass(frozen=True)
class Instead:
    """Forward the request, and give another answer: a gateway that timed out."""

    answer: Answer


Fault = Answer | Instead | str | None


@dataclass
class Proxy:
    """The recorded requests, and how to break the next ones. `fault` gets a request's number (from
    0), its method and its path."""

    address: str
    requests: list[tuple[str, str]] = field(default_factory=list)
    credentials: set[str | None] = field(default_factory=set)
    """The Authorization headers of all requests."""
    fault: Callable[[int, str, str], Fault] = lambda number, method, path: None
    passed: Callable[[int, str, str, int], None] = lambda number, method, path, status: None
    """Called with number, method, path and status after the server answered, before the client gets
    the answer."""
    health: Fault = None
    """How to break requests for `/health`, which are not counted."""
    closing: threading.Event = field(default_factory=threading.Event)
    busy: int = 0
    """Requests in progress, also those whose client has gone."""

    @property
    def writes(self) -> list[tuple[str, str]]:
        return [
            (method, path)
            for method, path in self.requests
            if method != "GET" and "/search" not in path
        ]

    def settle(self) -> None:
        """Wait until no request is in progress."""
        end = time.monotonic() + 120
        while self.busy:
            assert time.monotonic() < end, "requests are still in progress"
            time.sleep(0.01)

    def reset(self) -> None:
        self.requests.clear()
        self.credentials.clear()
        self.health = None
        self.fault = lambda number, method, path: None
        self.passed = lambda number, method, path, status: None


@contextmanager
def proxy(upstream: str) -> Iterator[Proxy]:
    """A proxy in front of the server `upstream`, on a port of its own."""
    state = Proxy("")
    server = _Server(state, urlsplit(upstream).netloc)
    state.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
    )
    thread.start()
    try:
        yield state
    finally:
        state.closing.set()
        time.sleep(0.01)
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, state: Proxy, upstream_host: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.state = state
        self.upstream_host = upstream_host
        self.lock = threading.Lock()

    def handle_error(self, *_: object) -> None:
        pass


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body are sent apart: with Nagle's algorithm the body waits 40 ms for an ACK.
    disable_nagle_algorithm = True
    server: _Server

    def handle_request(self) -> None:
        state, lock = self.server.state, self.server.lock
        with lock:
            state.busy += 1
        try:
            self._respond()
        finally:
            with lock:
                state.busy -= 1

    do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = handle_request

    def _respond(self) -> None:
        """Record the request, and answer it, drop it or forward it, as `fault` wants."""
        state = self.server.state
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:  # the client was killed: the server would wait for the rest
            self.close_connection = True
            return
        path = urlsplit(self.path).path
        is_probe = path == "/health"
        with self.server.lock:
            number = len(state.requests)
            if not is_probe:
                state.requests.append((self.command, path))
                state.credentials.add(self.headers.get("Authorization"))

        fault = state.health if is_probe else state.fault(number, self.command, path)
        if fault == RESET:
            self._drop()
        elif fault == STALL:
            state.closing.wait()
            self._drop()
        elif isinstance(fault, Answer):
            self._answer(fault.status, fault.body.encode(), fault.headers)
        else:
            self._forward(body, fault, None if is_probe else number)

    def _forward(self, body: bytes, fault: Fault, number: int | None) -> None:
        """Send the request to the server, and pass on or break its answer. `number` is None for a
        probe."""
        connection = http.client.HTTPConnection(self.server.upstream_host, timeout=120)
        headers = {
            name: value
            for name, value in self.headers.items()
            if name.lower() not in ("host", "connection")
        }
        connection.request(self.command, self.path, body, headers)
        reply = connection.getresponse()
        content = reply.read()
        connection.close()
        if number is not None:
            path = urlsplit(self.path).path
            self.server.state.passed(number, self.command, path, reply.status)

        reply_headers = {"Content-Type": reply.getheader("Content-Type") or "application/json"}
        if fault == LOSE_THE_ANSWER:
            self._drop()
        elif isinstance(fault, Instead):
            answer = fault.answer
            self._answer(answer.status, answer.body.encode(), answer.headers)
        elif fault == TRUNCATE:
            self._answer(reply.status, content, reply_headers, send=len(content) // 2)
            self._drop()
        else:
            self._answer(reply.status, content, reply_headers)

    def _answer(
        self, status: int, body: bytes, headers: dict[str, str], send: int | None = None
    ) -> None:
        """Send an answer, or only the first `send` bytes of its body."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:send])

    def _drop(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_: object) -> None:
        pass
