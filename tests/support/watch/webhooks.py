"""Deliveries to `/hook`, signed by MLflow's own code, and a server that takes them."""

from __future__ import annotations

import http.client
import json
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from mlflow.webhooks.delivery import _generate_hmac_signature

from mlflow_gitops.edges.mlflow.webhooks.endpoint import HookEndpoint
from mlflow_gitops.edges.system.metrics.loop import Metrics, serve

SECRET = "between MLflow and the loop"


def body_about(model: str) -> bytes:
    """What MLflow sends when an alias is set."""
    data = {"name": model, "alias": "production", "version": "9"}
    return json.dumps({"entity": "model_version_alias", "action": "created", "data": data}).encode()


def signed(body: bytes, *, secret: str = SECRET, age: float = 0, id: str = "") -> dict[str, str]:
    """The headers that MLflow sends with a body; `age` is in seconds."""
    delivery_id, timestamp = id or str(uuid.uuid4()), str(int(time.time() - age))
    signature = _generate_hmac_signature(secret, delivery_id, timestamp, body.decode())
    return {
        "X-MLflow-Delivery-Id": delivery_id,
        "X-MLflow-Timestamp": timestamp,
        "X-MLflow-Signature": signature,
    }


@dataclass
class Hooks:
    """A loop's server at `port`, and the models that it was asked to look at."""

    port: int
    metrics: Metrics
    woken: list[str] = field(default_factory=list)

    def post(self, body: bytes, headers: Mapping[str, str], method: str = "POST") -> int:
        """Send a delivery; the status of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, "/hook", body, dict(headers))
            return connection.getresponse().status
        finally:
            connection.close()

    def count(self, result: str) -> float | None:
        """How many deliveries ended so, by the metrics."""
        return self.metrics.registry.get_sample_value(
            "mlflow_gitops_hooks_total", {"result": result}
        )


@contextmanager
def serving_hooks(secret: str | None = SECRET) -> Iterator[Hooks]:
    """Serve the endpoint as the loop does; without a secret, it is off."""
    metrics = Metrics(60)
    hooks = Hooks(0, metrics)
    endpoint = HookEndpoint(secret, hooks.woken.append, metrics.record_hook) if secret else None
    with serve(metrics, "127.0.0.1", 0, None, endpoint) as server:
        hooks.port = server.server_port
        try:
            yield hooks
        finally:
            server.shutdown()
