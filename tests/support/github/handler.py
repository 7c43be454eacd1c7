"""HTTP before the GitHub of the tests."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

from tests.support.description.operations import Exchange

if TYPE_CHECKING:
    from tests.support.github_api import GitHubAPI


class Handler(BaseHTTPRequestHandler):
    api: GitHubAPI
    protocol_version = "HTTP/1.1"
    # Headers and body are sent apart: with Nagle's algorithm the body waits 40 ms for an ACK.
    disable_nagle_algorithm = True

    def _do(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        token = (self.headers.get("Authorization") or "").partition(" ")[2].strip() or None
        self.api.versions.add(self.headers.get("X-GitHub-Api-Version"))
        body = json.loads(raw or b"{}") or {}
        try:
            status, headers, content = self.api.answer(self.command, self.path, token, body)
        except ConnectionResetError:
            self.close_connection = True
            return
        self.api.check.add(Exchange(self.command, self.path, body, status, content))
        if self.api.alter is not None:
            content = self.api.alter(self.command, self.path, status, content)
        data = content if isinstance(content, bytes) else b""
        if content is not None and not isinstance(content, bytes):
            data = json.dumps(content).encode()
        self.send_response(status)
        for key, value in {"Content-Type": "application/json; charset=utf-8", **headers}.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _do

    def log_message(self, format: str, *args: Any) -> None:
        pass
