"""Serve a folder with MLflow's scoring server, which is FastAPI, and show at /metrics what
Prometheus needs to judge the version while it is in use.

    python serve.py FOLDER --version 3 --port 8000

    model_requests_total        requests for predictions
    model_request_errors_total  those that were answered with an error
    model_latency_seconds       how long an answer took (a histogram)
    model_predictions_total     posts that were answered; a request may hold many
    model_feedback_total        answers that visitors judged (POST /feedback), right: yes or no
    model_drift                 the population stability index (drift.py) of the last posts:
                                inputs, of their length; answers, of how positive they were

Each is labelled with the model and the version, so that Prometheus can tell a version from the one
that was served before it. The reference for drift is in the model's own files, which git pins.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import drift
import mlflow
import pandas as pd
import uvicorn
from fastapi import FastAPI, Request, Response
from mlflow.pyfunc import scoring_server
from project import MODEL
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)

LAST = 300
"""How many posts drift is measured on; with fewer than half of them it is not known."""
_LABELS = ("model", "version")


class Measures:
    """What is counted of one version."""

    def __init__(self, model: str, version: int) -> None:
        self.registry = CollectorRegistry()
        self._names = {"model": model, "version": str(version)}

        def new(kind: Any, name: str, text: str) -> Any:
            return kind(name, text, _LABELS, registry=self.registry).labels(**self._names)

        self.requests = new(Counter, "model_requests", "Requests for predictions")
        self.errors = new(Counter, "model_request_errors", "Requests answered with an error")
        self.latency = new(Histogram, "model_latency_seconds", "How long an answer took")
        self.predictions = new(Counter, "model_predictions", "Posts that were answered")
        feedback = Counter(
            "model_feedback",
            "Answers that visitors judged",
            (*_LABELS, "right"),
            registry=self.registry,
        )
        self._feedback = {
            right: feedback.labels(**self._names, right=right) for right in ("yes", "no")
        }
        self._drift = Gauge(
            "model_drift", "PSI of the last posts", (*_LABELS, "of"), registry=self.registry
        )

    def judged(self, right: int, wrong: int) -> None:
        self._feedback["yes"].inc(right)
        self._feedback["no"].inc(wrong)

    def drifted(self, of: str, index: float) -> None:
        self._drift.labels(**self._names, of=of).set(index)


class Watched:
    """A loaded model whose predictions are counted. The scoring server uses nothing else of it."""

    def __init__(self, model: Any, measures: Measures) -> None:
        self.metadata = model.metadata
        self._model, self._measures = model, measures
        self._reference = (model.metadata.metadata or {}).get("reference", {})
        self._last = {of: deque[float](maxlen=LAST) for of in self._reference}
        self._lock = threading.Lock()  # the server predicts in several threads

    def predict(self, data: pd.DataFrame, params: Any = None) -> pd.DataFrame:
        answers = self._model.predict(data, params=params)
        self._measures.predictions.inc(len(answers))
        values = {"inputs": data["text"].str.split().str.len(), "answers": answers["positive"]}
        with self._lock:
            for of, last in self._last.items():
                last.extend(values[of])
                if len(last) >= LAST / 2:
                    self._measures.drifted(of, drift.psi(self._reference[of], last))
        return answers


def build(model: Any, measures: Measures) -> FastAPI:
    """MLflow's server for a loaded model, with what is counted of it at /metrics."""
    app: FastAPI = scoring_server.init(Watched(model, measures))  # type: ignore[arg-type]

    @app.middleware("http")
    async def count(
        request: Request, call_next: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        if request.url.path != "/invocations":
            return await call_next(request)
        began, failed = time.perf_counter(), True
        try:
            response = await call_next(request)
            failed = response.status_code >= 400
            return response
        finally:
            measures.requests.inc()
            measures.errors.inc(failed)
            measures.latency.observe(time.perf_counter() - began)

    @app.post("/feedback", status_code=204)
    async def feedback(request: Request) -> None:
        counts = await request.json()
        measures.judged(int(counts["right"]), int(counts["wrong"]))

    @app.get("/metrics")
    def metrics() -> Response:
        return Response(generate_latest(measures.registry), media_type=CONTENT_TYPE_LATEST)

    return app


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder")
    parser.add_argument("--version", type=int, required=True)
    parser.add_argument("--port", type=int, required=True)
    asked = parser.parse_args()
    model = mlflow.pyfunc.load_model(asked.folder)
    app = build(model, Measures(MODEL, asked.version))
    uvicorn.run(app, host="127.0.0.1", port=asked.port, log_level="warning")


if __name__ == "__main__":
    main()
