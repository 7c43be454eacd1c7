"""MLflow's deliveries are taken, whatever happened; and what a slow or busy sender costs."""

from __future__ import annotations

import http.client
import socket
import threading
import uuid

import pytest
from mlflow.entities.webhook import WebhookEvent
from mlflow.webhooks.types import EVENT_TO_PAYLOAD_CLASS, get_example_payload_for_event

from mlflow_gitops.edges.mlflow.webhooks import deliveries
from mlflow_gitops.edges.mlflow.webhooks.deliveries import WINDOW, Deliveries, Delivery
from mlflow_gitops.edges.mlflow.webhooks.endpoint import MOST_BYTES, MOST_READERS, named_model
from tests.support.watch.webhooks import SECRET, body_about, serving_hooks, signed


def delivery(at: float) -> Delivery:
    return Delivery(str(uuid.uuid4()), str(int(at)), "v1,")


def test_every_event_about_a_model_or_prompt_names_it() -> None:
    """By MLflow's own examples; budgets are about no model."""
    import json

    for entity, action in EVENT_TO_PAYLOAD_CLASS:
        payload = get_example_payload_for_event(WebhookEvent(entity, action))
        name = named_model(json.dumps({"data": payload}).encode())
        assert name == payload.get("name") and bool(name) == ("budget" not in entity.value)


@pytest.mark.parametrize("model", ["churn", "ünïcode", 'a "quoted" \n name', "x" * 250])
def test_a_signed_delivery_wakes(model: str) -> None:
    body = body_about(model)
    with serving_hooks() as hooks:
        assert hooks.post(body, signed(body)) == 202
        assert hooks.woken == [model] and hooks.count("accepted") == 1
        assert hooks.post(b"", {}, "GET") == 405 and hooks.post(b"", {}, "PUT") == 405


def test_the_largest_body() -> None:
    filler = b'{"data": {"name": "churn"}, "more": "%s"}'
    body = filler % (b"x" * (MOST_BYTES - len(filler) + 2))
    with serving_hooks() as hooks:
        assert len(body) == MOST_BYTES and hooks.post(body, signed(body)) == 202


def test_a_sender_that_goes_away_wakes_nothing() -> None:
    body = body_about("churn")
    with serving_hooks() as hooks:
        for sent in (b"", body[:-1]):
            with socket.create_connection(("127.0.0.1", hooks.port), timeout=60) as connection:
                head = [f"{name}: {value}" for name, value in signed(body).items()]
                lines = ["POST /hook HTTP/1.0", f"Content-Length: {len(body)}", *head, "", ""]
                connection.sendall("\r\n".join(lines).encode() + sent)
                connection.shutdown(socket.SHUT_WR)
                assert b" 408 " in connection.recv(1000)
        assert hooks.woken == []


def test_too_many_senders_at_the_same_time() -> None:
    """They have no secret, and hold a body back. The next one is sent away, and MLflow retries."""
    body = body_about("churn")
    with serving_hooks() as hooks:
        silent = []
        for _ in range(MOST_READERS):
            connection = http.client.HTTPConnection("127.0.0.1", hooks.port, timeout=60)
            connection.putrequest("POST", "/hook")
            for name, value in {**signed(body), "Content-Length": "9"}.items():
                connection.putheader(name, value)
            connection.endheaders()
            silent.append(connection)
        answered, statuses = threading.Event(), list[int]()
        while not answered.is_set():  # until each of them has a thread that reads
            statuses.append(hooks.post(body, signed(body)))
            if statuses[-1] == 503:
                answered.set()
        for connection in silent:
            connection.close()


def test_timely_is_within_the_window_and_since_the_beginning() -> None:
    clock = [10_000.0]
    taken = Deliveries(SECRET, lambda: clock[0])
    assert taken.is_timely(delivery(10_000)) and not taken.is_timely(delivery(9_999))
    assert taken.is_timely(delivery(10_000 + WINDOW))
    assert not taken.is_timely(delivery(10_001 + WINDOW))
    clock[0] += WINDOW + 1
    assert taken.is_timely(delivery(10_001)) and not taken.is_timely(delivery(10_000))


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what is stale is forgotten, so nothing can be sent again by sending much."""
    monkeypatch.setattr(deliveries, "MOST_REMEMBERED", 3)
    clock = [10_000.0]
    taken = Deliveries(SECRET, lambda: clock[0])
    first = delivery(10_000)
    assert [taken.remember(each) for each in (first, delivery(10_000), delivery(10_200))] == [
        True
    ] * 3
    with pytest.raises(OverflowError):
        taken.remember(delivery(10_000))
    assert not taken.remember(first)
    clock[0] += WINDOW + 1
    assert taken.remember(delivery(10_300)) and taken.remember(delivery(10_301))
    with pytest.raises(OverflowError):
        taken.remember(delivery(10_301))
    assert not taken.is_timely(first)
