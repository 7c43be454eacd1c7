"""Deliveries to `/hook` that MLflow did not send, or did not send now. None wakes the loop."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator

import pytest

from mlflow_gitops.edges.mlflow.webhooks.endpoint import MOST_BYTES
from tests.support.watch.webhooks import SECRET, Hooks, body_about, serving_hooks, signed

BODY = body_about("churn")


@pytest.fixture
def hooks() -> Iterator[Hooks]:
    with serving_hooks() as served:
        yield served
        assert served.post(BODY, signed(BODY)) == 202, "an honest one passes after all that"


@pytest.mark.parametrize("left_out", ["Signature", "Delivery-Id", "Timestamp", "all"])
def test_unsigned_hook(hooks: Hooks, left_out: str) -> None:
    headers = {
        name: value
        for name, value in signed(BODY).items()
        if left_out not in (name.removeprefix("X-MLflow-"), "all")
    }
    assert hooks.post(BODY, headers) == 403 and hooks.woken == []
    assert hooks.count("refused") == 1


@pytest.mark.parametrize(
    "forged",
    [
        signed(BODY, secret="another secret"),
        signed(body_about("fraud")),
        {**signed(BODY), "X-MLflow-Timestamp": signed(BODY, age=-1)["X-MLflow-Timestamp"]},
        {**signed(BODY), "X-MLflow-Delivery-Id": signed(BODY)["X-MLflow-Delivery-Id"]},
        {**signed(BODY), "X-MLflow-Signature": "v1," + "A" * 43 + "="},
        {**signed(BODY), "X-MLflow-Signature": signed(BODY)["X-MLflow-Signature"][3:]},
        {**signed(BODY), "X-MLflow-Signature": "v1,é"},
        signed(BODY, id="a.1"),
    ],
    ids=["secret", "body", "timestamp", "id", "letters", "version", "bytes", "split"],
)
def test_hook_with_a_wrong_signature(hooks: Hooks, forged: dict[str, str]) -> None:
    forged = {name: value.encode("utf-8").decode("latin-1") for name, value in forged.items()}
    assert hooks.post(BODY, forged) == 403 and hooks.woken == []


def test_replayed_hook(hooks: Hooks) -> None:
    headers = signed(BODY)
    assert hooks.post(BODY, headers) == 202
    assert [hooks.post(BODY, headers) for _ in range(3)] == [409] * 3
    assert hooks.woken == ["churn"] and hooks.count("replayed") == 3


@pytest.mark.parametrize("age", [301, 86_400, -330, -86_400])
def test_stale_hook(hooks: Hooks, age: float) -> None:
    """Kept for later, or signed for later. What was signed before the loop began is stale, too:
    another process may have taken it."""
    assert hooks.post(BODY, signed(BODY, age=age)) == 403
    assert hooks.post(BODY, signed(BODY, age=60)) == 403 and hooks.woken == []


@pytest.mark.parametrize(
    ("length", "status"),
    [(str(MOST_BYTES + 1), 413), ("9" * 5_000, 413), ("-1", 411), ("²", 411), (None, 411)],
)
def test_huge_hook(hooks: Hooks, length: str | None, status: int) -> None:
    """Nothing of such a body is read, signed or not."""
    connection = http.client.HTTPConnection("127.0.0.1", hooks.port, timeout=60)
    connection.putrequest("POST", "/hook")
    for name, value in signed(BODY).items():
        connection.putheader(name, value)
    if length is not None:
        connection.putheader("Content-Length", length.encode("utf-8"))
    connection.endheaders()
    assert connection.getresponse().status == status and hooks.woken == []
    connection.close()


@pytest.mark.parametrize(
    "content",
    [
        {"data": {"name": ["churn"]}},
        {"data": [{"name": "churn"}]},
        {"name": "churn"},
        [],
        {"data": {"name": ""}},
    ],
    ids=str,
)
def test_hook_that_names_no_model(hooks: Hooks, content: object) -> None:
    """A sender that has the secret can wake a round, and do nothing else."""
    body = json.dumps(content).encode()
    assert hooks.post(body, signed(body)) == 400
    nested = ('{"data":' * 5_000 + "1" + "}" * 5_000).encode()
    assert hooks.post(nested, signed(nested)) == 400 and hooks.woken == []


def test_hook_without_a_secret() -> None:
    """A loop without a secret takes none, also not one that is signed with an empty secret."""
    with serving_hooks(None) as off:
        for secret in (SECRET, ""):
            assert off.post(BODY, signed(BODY, secret=secret)) == 404
        assert off.post(b"", {}, "GET") == 404 and off.woken == []
