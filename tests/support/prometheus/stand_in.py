"""An HTTP server in Prometheus' place, for answers that the real one gives seldom or never."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from mlflow_gitops.core.times import parse_time


@dataclass(frozen=True)
class Reply:
    """An answer as it is sent; `content` is JSON unless it is a text."""

    content: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class StandIn:
    """`reply` gets the path and the parameters of each request, which are recorded."""

    address: str
    reply: Callable[[str, Mapping[str, str]], Reply]
    requests: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    credentials: list[str | None] = field(default_factory=list)

    @property
    def queries(self) -> list[str]:
        return [parameters.get("query", "") for _, parameters in self.requests]


def number(value: float | str) -> Callable[[str, Mapping[str, str]], Reply]:
    """Every query has one series with this number at all times."""

    def reply(path: str, parameters: Mapping[str, str]) -> Reply:
        if path.endswith("query"):
            time = parse_time(parameters["time"]).timestamp()
            return vector({"metric": {}, "value": [time, str(value)]})
        first, last = (parse_time(parameters[name]).timestamp() for name in ("start", "end"))
        step = float(parameters["step"].removesuffix("s"))
        count = int((last - first) // step) + 1
        values = [[first + step * index, str(value)] for index in range(count)]
        return matrix({"metric": {}, "values": values})

    return reply


def always(reply: Reply) -> Callable[[str, Mapping[str, str]], Reply]:
    return lambda path, parameters: reply


def data(kind: str, result: Any, **more: Any) -> Reply:
    content = {"status": "success", "data": {"resultType": kind, "result": result}, **more}
    return Reply(content)


def vector(*series: Any) -> Reply:
    return data("vector", list(series))


def matrix(*series: Any) -> Reply:
    return data("matrix", list(series))


@contextmanager
def stand_in(reply: Callable[[str, Mapping[str, str]], Reply]) -> Iterator[StandIn]:
    """Serve on a free port until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            parameters = {name: values[0] for name, values in parse_qs(parts.query).items()}
            server.requests.append((parts.path, parameters))
            server.credentials.append(self.headers.get("Authorization"))
            answer = server.reply(parts.path, parameters)
            content = answer.content
            body = (content if isinstance(content, str) else json.dumps(content)).encode()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    server = StandIn(f"http://127.0.0.1:{http.server_port}", reply)
    thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join(10)
