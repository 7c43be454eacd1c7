"""What `watch` reports about itself over HTTP: `/metrics` for Prometheus, `/healthz` for the
service manager that restarts it, and pages for people."""

from __future__ import annotations

import json
import math
import socket
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, make_wsgi_app

from mlflow_gitops.edges.system.metrics.health import HealthGauges
from mlflow_gitops.edges.system.pages.server import App, Pages, no_hook, page_app
from mlflow_gitops.errors import Failure

FAILURE_ORIGINS = (
    "git",
    "mlflow",
    "model",
    "receipt",
    "files",
    "machine",
    "internal",
    "on_change",
    "health",
    "notify",
)
"""`on_change`: the command of --on-change. `health`: what looks at the health of versions (R14).
`notify`: a message to people was not delivered (R15).
`files`: a commit that cannot be read. `machine`: the computer is short of something. `internal`:
a fault of this program."""

MOST_MODELS = 1_000
"""Models that have a series of their own. With more, there are only counts, since each series costs
Prometheus memory."""

HOOK_RESULTS = ("accepted", "replayed", "refused")
"""What became of a delivery to `/hook`."""

DRIFT_KINDS = ("stage", "alias", "tag", "description", "version")

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
    invalid_files: int = 0
    sync: Mapping[str, str] = field(default_factory=dict)
    """The sync state of each model when the round began."""
    refusals: Mapping[str, int] = field(default_factory=dict)
    """How many models each code refused."""
    drift_found: Mapping[str, int] = field(default_factory=dict)
    """How much drift is new since the round before, by kind."""
    drift_healed: Mapping[str, int] = field(default_factory=dict)
    can_heal: bool = True
    """False if the whole run was refused, so that drift is not healed."""
    is_whole: bool = True
    """False if it was over some models alone: gauges then keep what the last whole round set."""


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
        self._main_invalid = self._gauge(
            "main_invalid", "Invalid files at the commit of the main branch"
        )
        self._sync = self._gauge(
            "model_sync", "1 for the sync state that a model has", ["model", "state"]
        )
        self._refusals = self._gauge(
            "refusals", "Models that the last round refused, by code", ["code"]
        )
        self._drift_found = self._drift_counter("found", "Drift found: differences that are new")
        self._drift_healed = self._drift_counter("healed", "Drift healed: writes that put git back")
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
        self._hooks = Counter(
            "mlflow_gitops_hooks", "Deliveries to /hook", ["result"], registry=self.registry
        )
        self.health_gauges = HealthGauges(self.registry, MOST_MODELS)
        for origin in FAILURE_ORIGINS:
            self._failures.labels(origin)
        for result in HOOK_RESULTS:
            self._hooks.labels(result)
        self.forget_round()

    def _gauge(self, name: str, text: str, labels: Iterable[str] = ()) -> Gauge:
        return Gauge(f"mlflow_gitops_{name}", text, labels, registry=self.registry)

    def _drift_counter(self, name: str, text: str) -> Counter:
        counter = Counter(f"mlflow_gitops_drift_{name}", text, ["kind"], registry=self.registry)
        for kind in DRIFT_KINDS:
            counter.labels(kind)
        return counter

    def forget_round(self) -> None:
        """Forget what the last round saw, since the present one could not look: gauges with labels
        are then absent, and the others are NaN."""
        for labelled in (self._info, self._models, self._sync, self._refusals):
            labelled.clear()
        for gauge in (self._refused, self._failing, self._main_invalid):
            gauge.set(math.nan)
        self.health_gauges.forget()

    def record_round(self, finished: Round, seconds: float) -> None:
        """Record a complete round and how long it took."""
        self._count(finished)
        if not finished.is_whole:
            return

        self._seconds.observe(seconds)
        if finished.commit != self._commit:
            self._info.clear()
            self._commit = finished.commit
        self._info.labels(finished.commit).set(1)

        self._models.clear()
        for sync, count in finished.models.items():
            self._models.labels(sync).set(count)
        self._record_models(finished)
        self._refused.set(finished.refused)

        failing = finished.failed + finished.resting
        self._failing.set(failing)
        self._main_invalid.set(finished.invalid_files)
        if finished.can_heal:
            self._last_round = time.monotonic()
        if not failing and finished.can_heal:
            self._last_success = time.time()
            self._success.set(self._last_success)

    def _record_models(self, finished: Round) -> None:
        self._sync.clear()
        if len(finished.sync) <= MOST_MODELS:
            for model, state in finished.sync.items():
                self._sync.labels(model, state).set(1)
        self._refusals.clear()
        for code, count in finished.refusals.items():
            self._refusals.labels(code).set(count)

    def _count(self, finished: Round) -> None:
        self._changes.inc(finished.changes)
        self._failures.labels("model").inc(finished.failed)
        for kind, count in finished.drift_found.items():
            self._drift_found.labels(kind).inc(count)
        for kind, count in finished.drift_healed.items():
            self._drift_healed.labels(kind).inc(count)

    def record_failure(self, origin: str) -> None:
        """Record a failure outside the models; `origin` is one of FAILURE_ORIGINS."""
        self._failures.labels(origin).inc()

    def record_hook(self, result: str) -> None:
        """Record a delivery to `/hook`; `result` is one of HOOK_RESULTS."""
        self._hooks.labels(result).inc()

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


def serve(
    metrics: Metrics, host: str, port: int, pages: Pages | None = None, hook: App | None = None
) -> WSGIServer:
    """Serve `/metrics`, `/healthz` and `pages` from a thread, and `hook` at `/hook`.

    Raises Failure if the address cannot be used.
    """
    prometheus = make_wsgi_app(metrics.registry)
    answer_page = page_app(pages)

    def answer(environ, start):  # type: ignore[no-untyped-def]
        if environ["PATH_INFO"] == "/metrics":
            return prometheus(environ, start)
        if environ["PATH_INFO"] == "/hook":
            return (hook or no_hook)(environ, start)
        if environ["PATH_INFO"] != "/healthz":
            return answer_page(environ, start)
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
