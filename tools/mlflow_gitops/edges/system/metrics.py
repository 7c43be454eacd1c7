"""What `watch` reports about itself over HTTP: `/metrics` for Prometheus, and `/healthz` for the
service manager that restarts it."""

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

FAILURE_ORIGINS = ("git", "mlflow", "model", "receipt", "files", "machine")
"""`files`: a commit that cannot be read. `machine`: the computer is short of something."""

_ROUND_SECONDS = (0.5, 1, 2.5, 5, 10, 30, 60, 300)


@dataclass(frozen=True, slots=True)
class Round:
    """One round of the loop over all models.

    `models` counts the models by their sync status when the round began (`Synced`, `Drifted`, …).
    `changes` counts the writes that were read back. `resting` counts the models that were skipped
    because they had failed before.
    """

    commit: str
    models: dict[str, int]
    refused: int = 0
    changes: int = 0
    failed: int = 0
    resting: int = 0


class Metrics:
    """The metrics of one process.

    The process is healthy while its last complete round is at most `patience` seconds old. A
    failing model does not make it unhealthy, since restarting the process would not help: it shows
    in `failing_models`, and the time of the last success does not move.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._last_round = time.monotonic()  # unlike `time.time`, no setting of the clock moves it
        self._last_success = 0.0
        self._commit: str | None = None
        self.registry = CollectorRegistry()

        self._success = self._gauge(
            "last_success_timestamp_seconds", "When a round last ended and no model was failing"
        )
        self._info = self._gauge(
            "commit_info", "The commit of the main branch that MLflow is reconciled to", ["commit"]
        )
        self._models = self._gauge(
            "models", "Models by sync status when the last round began", ["sync"]
        )
        self._refused = self._gauge("refused_models", "Models that the last round refused")
        self._failing = self._gauge("failing_models", "Models whose last attempt failed")
        self._changes = Counter(
            "mlflow_gitops_changes", "Writes that were read back as done", registry=self.registry
        )
        self._failures = Counter(
            "mlflow_gitops_failures", "Failures by their origin", ["where"], registry=self.registry
        )
        self._seconds = Histogram(
            "mlflow_gitops_round_seconds",
            "How long a round took",
            buckets=_ROUND_SECONDS,
            registry=self.registry,
        )
        for origin in FAILURE_ORIGINS:
            self._failures.labels(origin)

    def _gauge(self, name: str, text: str, labels: Iterable[str] = ()) -> Gauge:
        return Gauge(f"mlflow_gitops_{name}", text, labels, registry=self.registry)

    def record_round(self, finished: Round, seconds: float) -> None:
        """Record a complete round and how long it took."""
        self._seconds.observe(seconds)
        if finished.commit != self._commit:
            self._info.clear()
            self._commit = finished.commit
        self._info.labels(finished.commit).set(1)

        self._models.clear()
        for sync, count in finished.models.items():
            self._models.labels(sync).set(count)
        self._refused.set(finished.refused)
        self._changes.inc(finished.changes)
        self._failures.labels("model").inc(finished.failed)

        failing = finished.failed + finished.resting
        self._failing.set(failing)
        self._last_round = time.monotonic()
        if not failing:
            self._last_success = time.time()
            self._success.set(self._last_success)

    def record_failure(self, origin: str) -> None:
        """Record a failure outside the models; `origin` is one of FAILURE_ORIGINS."""
        self._failures.labels(origin).inc()

    @property
    def healthy(self) -> bool:
        return time.monotonic() - self._last_round <= self._patience

    def health(self) -> bytes:
        """Return the answer of `/healthz`, as JSON."""
        status = {
            "ok": self.healthy,
            "commit": self._commit,
            "last_success": self._last_success or None,
        }
        return json.dumps(status).encode()


class _Quiet(WSGIRequestHandler):
    timeout = 10.0  # seconds that a connection may stay silent

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: probes come every few seconds."""


class _Server(ThreadingMixIn, WSGIServer):
    """Serves each connection in a thread of its own.

    Browsers and scanners open connections and send nothing. Such a connection must not block other
    requests or the end of the process.
    """

    daemon_threads = True


class _ServerOverSix(_Server):
    address_family = socket.AF_INET6


def serve(metrics: Metrics, host: str, port: int) -> WSGIServer:
    """Serve `/metrics` and `/healthz` from a thread.

    Raises Failure if the address cannot be used.
    """
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
            f"{host}:{port} cannot be listened on: {error.strerror}.",
            fix="Name another address with --listen, or turn it off with --listen off.",
        ) from None
    threading.Thread(target=server.serve_forever, daemon=True, name="metrics").start()
    return server
