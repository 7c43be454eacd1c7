"""What the project's service shows at /metrics, for a model without torch."""

from __future__ import annotations

import json
import re
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from importlib import import_module as module
from typing import Any

import pandas as pd
import pytest
import uvicorn

Body = list[str] | dict[str, Any] | None
"""Posts, or JSON, or nothing for a GET."""
Ask = Callable[[str, Body], str]


class Echo:
    """A model that answers how positive a post is by what the post says."""

    def __init__(self, reference: dict[str, object]) -> None:
        from mlflow.models import Model, ModelSignature
        from mlflow.types import ColSpec, Schema

        inputs = Schema([ColSpec("string", "text")])
        metadata = {"reference": reference}
        self.metadata = Model(signature=ModelSignature(inputs=inputs), metadata=metadata)

    def predict(self, data: pd.DataFrame, params: object = None) -> pd.DataFrame:
        return pd.DataFrame({"positive": data["text"].str.split().str[0].astype(float)})


@pytest.fixture
def served(project: None) -> Iterator[Ask]:
    """Version 3 of a model whose answers were spread evenly over 0 to 1: asks the server."""
    serve, drift = module("serve"), module("drift")
    spread = [one / 1000 for one in range(1000)]
    model = Echo({"inputs": drift.reference([2, 3] * 50), "answers": drift.reference(spread)})
    app = serve.build(model, serve.Measures("sentiment-bert", 3))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    end = time.monotonic() + 60
    while not server.started and time.monotonic() < end:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]

    def ask(path: str, body: Body = None) -> str:
        if isinstance(body, list):
            body = {"dataframe_split": {"columns": ["text"], "data": [[post] for post in body]}}
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}{path}",
            json.dumps(body).encode() if body is not None else None,
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return str(answer.read().decode())

    yield ask
    server.should_exit = True
    thread.join(60)


def usual(count: int) -> list[str]:
    """Posts of two and three words, with answers that are spread evenly."""
    return [f"{one / count} {'so ' * (one % 2)}fine" for one in range(count)]


def measured(ask: Ask, name: str) -> float | None:
    """A value of version 3 at /metrics; None if there is none."""
    name, _, own = name.partition(" ")
    labels = ",".join(sorted(['model="sentiment-bert"', 'version="3"', *own.split()]))
    pattern = f"^{name}{re.escape(f'{{{labels}}}')} (.*)$"
    found = re.search(pattern, ask("/metrics", None), re.MULTILINE)
    return float(found[1]) if found else None


def test_the_service_counts_by_model_and_version(
    served: Ask,
) -> None:
    served("/ping", None)
    assert measured(served, "model_requests_total") == 0
    assert measured(served, "model_request_errors_total") == 0
    served("/invocations", ["0.5 good", "0.7 fine"])
    with pytest.raises(urllib.error.HTTPError):
        served("/invocations", ["no number"])
    assert measured(served, "model_requests_total") == 2
    assert measured(served, "model_request_errors_total") == 1
    assert measured(served, "model_predictions_total") == 2
    assert measured(served, "model_latency_seconds_count") == 2


def test_the_service_counts_what_visitors_say_of_answers(
    served: Ask,
) -> None:
    assert measured(served, 'model_feedback_total right="no"') == 0
    served("/feedback", {"right": 7, "wrong": 3})
    assert measured(served, 'model_feedback_total right="yes"') == 7
    assert measured(served, 'model_feedback_total right="no"') == 3


def test_the_service_measures_drift_of_posts_and_answers(
    served: Ask,
) -> None:
    served("/invocations", usual(100))
    assert measured(served, 'model_drift of="answers"') is None, "not known from so few"
    served("/invocations", usual(200))
    answers = measured(served, 'model_drift of="answers"')
    assert answers is not None and answers < 0.1
    inputs = measured(served, 'model_drift of="inputs"')
    assert inputs is not None and inputs < 0.1
    served("/invocations", ["0.55 " + "and more " * 20] * 300)
    drifted = measured(served, 'model_drift of="answers"')
    assert drifted is not None and drifted > 1
    assert (measured(served, 'model_drift of="inputs"') or 0) > 1
