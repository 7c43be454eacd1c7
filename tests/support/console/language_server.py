"""A language server as an editor talks to it: JSON-RPC over stdin and stdout, one message after
another."""

from __future__ import annotations

import json
import select
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, cast

_WITHIN = 60.0


class LanguageServer:
    """One server and the folder that it works in. `settings` is what it gets where it asks for the
    editor's settings."""

    def __init__(self, command: Sequence[str], folder: Path, settings: dict[str, Any]) -> None:
        self.folder, self._settings = folder, settings
        self._process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._in, self._out = (
            cast(IO[bytes], self._process.stdin),
            cast(IO[bytes], self._process.stdout),
        )
        self._next = 0
        self._diagnostics: dict[str, list[Any]] = {}

    def __enter__(self) -> LanguageServer:
        able = {
            "workspace": {
                "configuration": True,
                "didChangeConfiguration": {"dynamicRegistration": True},
            },
            "textDocument": {
                "hover": {"contentFormat": ["markdown"]},
                "completion": {
                    "completionItem": {"snippetSupport": True, "documentationFormat": ["markdown"]}
                },
            },
        }
        self.ask("initialize", processId=None, rootUri=self.folder.as_uri(), capabilities=able)
        self._tell("initialized", {})
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._process.kill()
        self._process.communicate()

    def opened(self, file: Path, text: str) -> list[dict[str, Any]]:
        """Open a file with this text in it, and wait for what the server says of it."""
        uri = file.as_uri()
        self._tell(
            "textDocument/didOpen",
            {"textDocument": {"uri": uri, "languageId": "yaml", "version": 1, "text": text}},
        )
        end = time.monotonic() + _WITHIN
        while uri not in self._diagnostics:
            self._take(end)
        return self._diagnostics.pop(uri)

    def hover(self, file: Path, line: int, column: int) -> str:
        """The text that an editor shows where the mouse rests; both numbers count from 0."""
        answer = self.ask("textDocument/hover", **_place(file, line, column))
        return str(answer["contents"]["value"]) if answer else ""

    def completion(self, file: Path, line: int, column: int) -> dict[str, dict[str, Any]]:
        """What an editor offers at a place, by what it shows of each."""
        answer = self.ask("textDocument/completion", **_place(file, line, column))
        return {item["label"]: item for item in answer["items"]}

    def ask(self, method: str, **params: Any) -> Any:
        """Ask and wait for the answer. Raises AssertionError where it is an error, or does not
        come."""
        self._next += 1
        number = self._next
        self._send({"id": number, "method": method, "params": params})
        end = time.monotonic() + _WITHIN
        while True:
            message = self._take(end)
            if message.get("id") == number and "method" not in message:
                assert "error" not in message, message
                return message["result"]

    def _tell(self, method: str, params: dict[str, Any]) -> None:
        self._send({"method": method, "params": params})

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._in.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._in.flush()

    def _take(self, end: float) -> dict[str, Any]:
        """Read the next message; answer the server's requests and keep its diagnostics of files."""
        ready, _, _ = select.select([self._out], [], [], max(0.0, end - time.monotonic()))
        assert ready or self._out.peek(1), "the language server says nothing"  # type: ignore[attr-defined]
        length = 0
        while (head := self._out.readline().strip()) != b"":
            if head.lower().startswith(b"content-length:"):
                length = int(head.partition(b":")[2])
        assert length, "the language server has ended"
        message: dict[str, Any] = json.loads(self._out.read(length))
        if message.get("method") == "workspace/configuration":
            settings = [
                self._settings.get(section["section"]) for section in message["params"]["items"]
            ]
            self._send({"id": message["id"], "result": settings})
        elif "method" in message and "id" in message:
            self._send({"id": message["id"], "result": None})
        elif message.get("method") == "textDocument/publishDiagnostics":
            self._diagnostics[message["params"]["uri"]] = message["params"]["diagnostics"]
        return message


def _place(file: Path, line: int, column: int) -> dict[str, Any]:
    return {"textDocument": {"uri": file.as_uri()}, "position": {"line": line, "character": column}}
