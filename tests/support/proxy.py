"""A real HTTP proxy before a real server: it counts what passes, and breaks what it is told to."""

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
    """Answer in the server's place."""

    status: int
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)


LOSE_THE_ANSWER = "lose the answer"
"""Let the server do it, and drop the connection instead of answering."""

TRUNCATE = "truncate"
"""Let the server do it, and send half of its answer."""

RESET = "reset"
"""Drop the connection before the server hears of it."""

STALL = "stall"
"""Say nothing, for as long as the proxy lives."""


@dataclass(frozen=True)
class Instead:
    """Let the server do it, and answer something else: a gateway that lost patience."""

    answer: Answer


Fault = Answer | Instead | str | None


@dataclass
class Proxy:
    """What passed, and what to do with what comes. `fault` gets the request's number from 0, its
    method and its path."""

    address: str
    requests: list[tuple[str, str]] = field(default_factory=list)
    credentials: set[str | None] = field(default_factory=set)
    """Every Authorization header that came."""
    fault: Callable[[int, str, str], Fault] = lambda number, method, path: None
    health: Fault = None
    """What to do with requests for `/health`, which are not counted."""
    passed: Callable[[int, str, str, int], None] = lambda number, method, path, status: None
    """Called when the server has answered, before anybody is told."""
    closing: threading.Event = field(default_factory=threading.Event)
    busy: int = 0
    """Requests that came and are not done with, whether or not anybody still waits for their
    answer."""

    @property
    def writes(self) -> list[tuple[str, str]]:
        return [
            (method, path)
            for method, path in self.requests
            if method != "GET" and "/search" not in path
        ]

    def settle(self) -> None:
        """Wait until all that came has reached the server, or never will."""
        end = time.monotonic() + 120
        while self.busy:
            assert time.monotonic() < end, "the server does not come to an end"
            time.sleep(0.01)

    def reset(self) -> None:
        self.requests.clear()
        self.credentials.clear()
        self.fault = lambda number, method, path: None
        self.health = None
        self.passed = lambda number, method, path, status: None


@contextmanager
def proxy(upstream: str) -> Iterator[Proxy]:
    """Stand before `upstream` on a port of our own."""
    host, lock = urlsplit(upstream).netloc, threading.Lock()
    state = Proxy("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def pass_on(self) -> None:
            with lock:
                state.busy += 1
            try:
                self.meet()
            finally:
                with lock:
                    state.busy -= 1

        def meet(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = urlsplit(self.path).path
            with lock:
                number = len(state.requests)
                if path != "/health":
                    state.requests.append((self.command, path))
                    state.credentials.add(self.headers.get("Authorization"))
            fault = state.health
            if path != "/health":
                fault = state.fault(number, self.command, path)
            if fault == RESET:
                self.drop()
            elif fault == STALL:
                state.closing.wait()
                self.drop()
            elif isinstance(fault, Answer):
                self.answer(fault.status, fault.body.encode(), fault.headers)
            else:
                connection = http.client.HTTPConnection(host, timeout=120)
                headers = {
                    k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection")
                }
                connection.request(self.command, self.path, body, headers)
                reply = connection.getresponse()
                content = reply.read()
                connection.close()
                if path != "/health":
                    state.passed(number, self.command, path, reply.status)
                kind = {"Content-Type": reply.getheader("Content-Type") or "application/json"}
                if fault == LOSE_THE_ANSWER:
                    self.drop()
                elif isinstance(fault, Instead):
                    self.answer(
                        fault.answer.status, fault.answer.body.encode(), fault.answer.headers
                    )
                elif fault == TRUNCATE:
                    self.answer(reply.status, content, kind, send=len(content) // 2)
                    self.drop()
                else:
                    self.answer(reply.status, content, kind)

        do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = pass_on

        def answer(
            self, status: int, body: bytes, headers: dict[str, str], send: int | None = None
        ) -> None:
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[:send])

        def drop(self) -> None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, *_: object) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
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
