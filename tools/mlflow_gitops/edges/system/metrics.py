"""What a watching reconciler tells of itself over HTTP: `/metrics` for Prometheus, `/healthz` for
whoever restarts it."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, make_wsgi_app

from mlflow_gitops.errors import Failure


@dataclass(frozen=True, slots=True)
class Round:
    """One round of the loop: the commit, how many models stand how (`Synced`, `Drifted`, …), how
    many are refused, how many writes were read back, how many models failed, and how many were not
    tried since they had failed before."""

    commit: str
    models: dict[str, int]
    refused: int = 0
    changes: int = 0
    failed: int = 0
    resting: int = 0


class Metrics:
    """The figures of one process. `patience` is how many seconds may pass without a round that came
    to its end before it is no longer healthy. A model that fails makes nothing ill, since starting
    the process again would mend nothing: it shows in `failing_models`, and in the last success,
    which does not move."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._well = time.monotonic()  # when it was last, by a clock that nobody sets
        self._last_success = 0.0
        self._commit: str | None = None
        self.registry = CollectorRegistry()

        def gauge(name: str, text: str, labels: Iterable[str] = ()) -> Gauge:
            return Gauge(f"mlflow_gitops_{name}", text, labels, registry=self.registry)

        self._success = gauge(
            "last_success_timestamp_seconds", "When a round last ended and no model was failing"
        )
        self._info = gauge(
            "commit_info", "The commit of the main branch that MLflow is held to", ["commit"]
        )
        self._models = gauge(
            "models", "Models by how they stood when the last round began", ["sync"]
        )
        self._refused = gauge("refused_models", "Models that the last round refused")
        self._failing = gauge("failing_models", "Models whose last try failed")
        self._changes = Counter(
            "mlflow_gitops_changes", "Writes that were read back as done", registry=self.registry
        )
        self._failures = Counter(
            "mlflow_gitops_failures", "What went wrong, by where", ["where"], registry=self.registry
        )
        self._seconds = Histogram(
            "mlflow_gitops_round_seconds",
            "How long a round took",
            buckets=(0.5, 1, 2.5, 5, 10, 30, 60, 300),
            registry=self.registry,
        )
        for where in ("git", "mlflow", "model", "receipt", "files", "machine"):
            self._failures.labels(where)

    def record_round(self, one: Round, seconds: float) -> None:
        """A round came to its end."""
        self._seconds.observe(seconds)
        if one.commit != self._commit:
            self._info.clear()
            self._commit = one.commit
        self._info.labels(one.commit).set(1)
        self._models.clear()
        for sync, count in one.models.items():
            self._models.labels(sync).set(count)
        self._refused.set(one.refused)
        self._changes.inc(one.changes)
        self._failures.labels("model").inc(one.failed)
        self._failing.set(one.failed + one.resting)
        self._well = time.monotonic()
        if not one.failed + one.resting:
            self._last_success = time.time()
            self._success.set(self._last_success)

    def record_failure(self, where: str) -> None:
        """Something went wrong: `git`, `mlflow`, `receipt`, `files` (a commit that cannot be read)
        or `machine` (which lacks something)."""
        self._failures.labels(where).inc()

    @property
    def healthy(self) -> bool:
        return time.monotonic() - self._well <= self._patience

    def health(self) -> bytes:
        told = {
            "ok": self.healthy,
            "commit": self._commit,
            "last_success": self._last_success or None,
        }
        return json.dumps(told).encode()


class _Quiet(WSGIRequestHandler):
    timeout = 10.0  # seconds that a connection may stay silent

    def log_message(self, format: str, *args: object) -> None:
        """A probe every few seconds is no news."""


class _Server(ThreadingMixIn, WSGIServer):
    """Answers each connection by itself: one that is opened and says nothing, as browsers and
    scanners do, keeps nobody from being answered, nor the process from ending."""

    daemon_threads = True


class _ServerOverSix(_Server):
    address_family = socket.AF_INET6


def serve(metrics: Metrics, host: str, port: int) -> WSGIServer:
    """Answer `/metrics` and `/healthz` from a thread of its own. Raises Failure where the address
    cannot be had."""
    prometheus = make_wsgi_app(metrics.registry)

    def answer(environ, start):  # type: ignore[no-untyped-def]
        if environ["PATH_INFO"] == "/metrics":
            return prometheus(environ, start)
        if environ["PATH_INFO"] != "/healthz":
            start("404 Not Found", [("Content-Type", "text/plain")])
            return [b"There are /metrics and /healthz.\n"]
        state = "200 OK" if metrics.healthy else "503 Service Unavailable"
        start(state, [("Content-Type", "application/json")])
        return [metrics.health()]

    try:
        server = make_server(host, port, answer, _ServerOverSix if ":" in host else _Server, _Quiet)
    except OSError as error:
        raise Failure(
            f"{host}:{port} cannot be listened on: {error.strerror}. Name another address with"
            " --listen, or none: --listen off."
        ) from None
    threading.Thread(target=server.serve_forever, daemon=True, name="metrics").start()
    return server
