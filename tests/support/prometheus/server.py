"""A real Prometheus (Debian's package `prometheus`), and a process with metrics to scrape."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.console.system_programs import program_or_skip

STARTUP = 120.0
"""Seconds: a loaded machine takes long, an idle one less than one."""

_ADDRESS = re.compile(r'msg="Listening on" (?:component=web )?address=(\S+)')

_EXPORTER = """
import http.server, pathlib, sys
file = pathlib.Path(sys.argv[1])
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = file.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *words): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""


@contextmanager
def prometheus(folder: Path, targets: Sequence[str], *, interval: str = "200ms") -> Iterator[str]:
    """Start Prometheus on a free port and yield its address, `http://127.0.0.1:…`. It scrapes
    `/metrics` of the targets (`host:port`) every `interval`, and keeps its files in `folder`."""
    program = program_or_skip("prometheus", package="prometheus")
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "global": {"scrape_interval": interval, "scrape_timeout": interval},
        "scrape_configs": [{"job_name": "models", "static_configs": [{"targets": [*targets]}]}],
    }
    config, log = folder / "prometheus.json", folder / "prometheus.log"
    config.write_text(json.dumps(settings))  # JSON is YAML
    command = [program, f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}"]
    command += ["--web.listen-address=127.0.0.1:0", "--log.format=logfmt"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        yield _ready(process, log)
    finally:
        _end(process)


def _ready(process: subprocess.Popen[bytes], log: Path) -> str:
    """The address of a Prometheus that has begun to answer."""
    deadline = time.monotonic() + STARTUP
    while time.monotonic() < deadline and process.poll() is None:
        listening = _ADDRESS.search(log.read_text("utf-8", "replace"))
        if listening is not None:
            address = f"http://{listening[1]}"
            try:
                with urllib.request.urlopen(f"{address}/-/ready", timeout=10):
                    return address
            except OSError:
                pass
        time.sleep(0.05)
    raise AssertionError(f"Prometheus does not start:\n{log.read_text('utf-8', 'replace')}")


@dataclass(frozen=True)
class Exporter:
    """A process that serves what is in a file. `target` is its host and port."""

    target: str
    file: Path

    def show(self, text: str) -> None:
        """From now on, serve these metrics, in Prometheus' text format."""
        new = self.file.with_suffix(".new")
        new.write_text(text)
        new.replace(self.file)


@contextmanager
def exporter(folder: Path) -> Iterator[Exporter]:
    """A process on a free port that has no metrics yet, at every path."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "metrics"
    file.write_text("")
    process = subprocess.Popen(
        [sys.executable, "-c", _EXPORTER, str(file)], stdout=subprocess.PIPE, start_new_session=True
    )
    try:
        assert process.stdout is not None
        yield Exporter(f"127.0.0.1:{int(process.stdout.readline())}", file)
    finally:
        _end(process)


def wait_for(address: str, query: str, value: float, *, seconds: float = 120.0) -> None:
    """Wait until a query has one series with this value."""
    found: list[float] = []
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = [number for _, number in ask(address, query)]
        if found == [value]:
            return
        time.sleep(0.05)
    raise AssertionError(f"{query} is {found}, not {value}")


def ask(address: str, query: str) -> list[tuple[Mapping[str, str], float]]:
    """The series of an instant query, each with its labels and its value."""
    words = urllib.parse.urlencode({"query": query})
    with urllib.request.urlopen(f"{address}/api/v1/query?{words}", timeout=30) as answer:
        result = json.load(answer)["data"]["result"]
    return [(series["metric"], float(series["value"][1])) for series in result]


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
