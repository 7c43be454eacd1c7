"""What is around the team and not its own: Prometheus, the forge's API, and a webhook that takes
notifications."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.capstone.teller import Unexpected

PROMETHEUS = shutil.which("prometheus", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
"""Debian's package `prometheus`; None where it is not installed."""


@contextmanager
def prometheus(folder: Path, port: int, environment: Mapping[str, str], log: Path) -> Iterator[str]:
    """Start Prometheus by prometheus.yml in `folder`; yields the command, as a person types it."""
    listen = f"--web.listen-address=127.0.0.1:{port}"
    command = f"prometheus --config.file=prometheus.yml --storage.tsdb.path=../prometheus {listen}"
    assert PROMETHEUS is not None
    with log.open("wb") as output:
        process = subprocess.Popen(
            [PROMETHEUS, *command.split()[1:]],
            cwd=folder, env=dict(environment), stdin=subprocess.DEVNULL,
            stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    try:
        _wait_until_ready(process, f"http://127.0.0.1:{port}/-/ready", log)
        yield command
    finally:
        process.terminate()
        process.wait(60)


def _wait_until_ready(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        with suppress(OSError), urllib.request.urlopen(address, timeout=5):
            return
        time.sleep(0.2)
    raise Unexpected(f"Prometheus does not start: {log.read_text('utf-8', 'replace')[-2000:]}")


class Mailbox:
    """An HTTP server that keeps what is posted to it, on a free port."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, dict[str, Any]]] = []
        """The path and the JSON of each."""
        mailbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                mailbox.messages.append((self.path, json.loads(body)))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *words: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])

    @contextmanager
    def open(self) -> Iterator[Mailbox]:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()

    def letters(self, path: str) -> list[str]:
        """Title and text of each message that was posted to a path."""
        return [
            f"{message['title']}\n{message['message']}"
            for posted_to, message in self.messages
            if posted_to == path
        ]
