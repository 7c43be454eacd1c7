"""`POST /hook`: takes MLflow's webhooks, and passes on which model to look at, and nothing else.

Nothing of a delivery decides what is done: the model is read again in MLflow, and judged by git.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any

from mlflow_gitops.core.audit.untrusted_json import loads
from mlflow_gitops.edges.mlflow.webhooks.deliveries import Deliveries, Delivery

MOST_BYTES = 1 << 20
"""Of a body. MLflow sends the text of a prompt, and no file of a model."""

SECONDS_TO_READ = 10.0
MOST_READERS = 16
"""Bodies that are read at the same time, before anybody knows whether they are signed."""

_CHUNK = 64 << 10
_TEXT = [("Content-Type", "text/plain; charset=utf-8"), ("X-Content-Type-Options", "nosniff")]

Start = Callable[[str, list[tuple[str, str]]], Any]
Answer = tuple[HTTPStatus, str]


class HookEndpoint:
    """A WSGI application. `wake` gets the name of a model; `record` gets what became of each
    delivery: `accepted`, `replayed` or `refused`."""

    def __init__(
        self, secret: str, wake: Callable[[str], None], record: Callable[[str], None]
    ) -> None:
        self._deliveries = Deliveries(secret)
        self._wake = wake
        self._record = record
        self._readers = threading.BoundedSemaphore(MOST_READERS)

    def __call__(self, environ: Mapping[str, Any], start: Start) -> Iterable[bytes]:
        status, reason = self._answer(environ)
        results = {HTTPStatus.ACCEPTED: "accepted", HTTPStatus.CONFLICT: "replayed"}
        self._record(results.get(status, "refused"))
        allow = [("Allow", "POST")] if status is HTTPStatus.METHOD_NOT_ALLOWED else []
        start(f"{status.value} {status.phrase}", [*allow, *_TEXT])
        return [f"{reason}\n".encode()]

    def _answer(self, environ: Mapping[str, Any]) -> Answer:
        if environ["REQUEST_METHOD"] != "POST":
            return HTTPStatus.METHOD_NOT_ALLOWED, "MLflow posts here."
        delivery = Delivery.from_headers(environ)
        if delivery is None or not self._deliveries.is_timely(delivery):
            return HTTPStatus.FORBIDDEN, "Not signed, or not now."

        length = environ.get("CONTENT_LENGTH") or ""
        if not (length.isascii() and length.isdigit()):
            return HTTPStatus.LENGTH_REQUIRED, "The length is missing."
        if len(length) > 9 or int(length) > MOST_BYTES:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"More than {MOST_BYTES} bytes."

        if not self._readers.acquire(blocking=False):
            return HTTPStatus.SERVICE_UNAVAILABLE, "Too many at the same time."
        try:
            body = _read(environ["wsgi.input"], int(length))
        finally:
            self._readers.release()
        if body is None:
            return HTTPStatus.REQUEST_TIMEOUT, "The body did not come."
        return self._accept(delivery, body)

    def _accept(self, delivery: Delivery, body: bytes) -> Answer:
        if not self._deliveries.is_signed(delivery, body):
            return HTTPStatus.FORBIDDEN, "Not signed, or not now."
        try:
            if not self._deliveries.remember(delivery):
                return HTTPStatus.CONFLICT, "Taken before."
        except OverflowError:
            return HTTPStatus.TOO_MANY_REQUESTS, "Too many in a few minutes."

        model = named_model(body)
        if model is None:
            return HTTPStatus.BAD_REQUEST, "Names no model."
        self._wake(model)
        return HTTPStatus.ACCEPTED, "Looking at it."


def named_model(body: bytes) -> str | None:
    """The model or prompt that a body names, None if it names none."""
    try:
        content = loads(body.decode("utf-8"))
    except ValueError:
        return None
    data = content.get("data") if isinstance(content, dict) else None
    name = data.get("name") if isinstance(data, dict) else None
    return name if isinstance(name, str) and name else None


def _read(stream: Any, length: int) -> bytes | None:
    """`length` bytes of a stream; None if they do not come in time, or the sender goes away."""
    end, chunks = time.monotonic() + SECONDS_TO_READ, list[bytes]()
    while length > 0:
        try:
            chunk = stream.read1(min(length, _CHUNK))
        except OSError:  # silent for longer than the server waits
            return None
        if not chunk or time.monotonic() > end:
            return None
        chunks.append(chunk)
        length -= len(chunk)
    return b"".join(chunks)
