"""Servers that collect the messages of channels: one for webhooks, one for mail."""

from __future__ import annotations

import email
import email.policy
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller


@dataclass
class Inbox:
    """What a server was sent. `status` is how it answers; with `gate`, it first waits for that."""

    port: int = 0
    status: int = 200
    messages: list[Any] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    gate: threading.Event | None = None

    def address(self, path: str = "") -> str:
        return f"json://127.0.0.1:{self.port}/{path}"

    def take(self) -> list[Any]:
        """The messages since the last call."""
        taken, self.messages[:] = list(self.messages), []
        return taken


@contextmanager
def webhook_server() -> Iterator[Inbox]:
    """An HTTP server that takes messages as JSON. Only accepted ones are kept."""
    inbox = Inbox()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if inbox.gate is not None:
                inbox.gate.wait(60)
            inbox.paths.append(self.path)
            if inbox.status == 200:
                inbox.messages.append(json.loads(body))
            self.send_response(inbox.status)
            self.end_headers()

        def log_message(self, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    inbox.port = server.server_port
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield inbox
    finally:
        if inbox.gate is not None:
            inbox.gate.set()
        server.shutdown()
        server.server_close()


class _MailController(Controller):
    """Reads which port it got before it calls its own server."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def mail_server() -> Iterator[Inbox]:
    """An SMTP server. Its messages are `EmailMessage`, with the recipients of the envelope in the
    header `X-Recipients`."""
    inbox = Inbox()

    class Handler:
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
            message = email.message_from_bytes(envelope.content, policy=email.policy.default)
            assert isinstance(message, EmailMessage)
            message["X-Recipients"] = ",".join(envelope.rcpt_tos)
            inbox.messages.append(message)
            return "250 OK"

    controller = _MailController(Handler(), hostname="127.0.0.1", port=0)
    controller.start()
    inbox.port = controller.port
    try:
        yield inbox
    finally:
        controller.stop()
