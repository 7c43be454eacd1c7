"""Names are asked for in requests that servers and proxies take, however long the names are."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import requests
from mlflow.exceptions import MlflowException

from mlflow_gitops.edges.mlflow.listing import name_chunks, name_filter
from mlflow_gitops.edges.mlflow.registry import Registry
from mlflow_gitops.edges.mlflow.server_errors import REQUEST_TOO_LONG
from mlflow_gitops.errors import RegistryFailure

NAMES = {
    "letters": [f"team-{i:03d}-card-payments-fraud" for i in range(300)],
    "Japanese": [f"支払い不正検知モデル-{i:03d}" for i in range(100)],
    "emoji": [f"{'🦊' * 60}-{i:03d}" for i in range(30)],
    "percent and quotes": [f"it's 100 % + {i:03d} = x & y" for i in range(200)],
    "the longest": [f"{'不' * 250}{i:03d}" for i in range(10)],
}
GUNICORN, NGINX = 4094, 8190
TOO_LONG = "API request to endpoint /api failed with error code {} != 200. Response body: '{}'"


class LimitedClient:
    """MLflow's client with a server that takes request lines of `limit` bytes."""

    def __init__(self, names: list[str], limit: int, answer: str) -> None:
        self.names = names
        self.limit = limit
        self.answer = answer
        self.longest = 0
        self.calls = 0

    def search_registered_models(self, **parameters: Any) -> Any:
        return self._page(
            [self._model(name) for name in self._requested("registered-models", parameters)]
        )

    def search_model_versions(self, **parameters: Any) -> Any:
        self._requested("model-versions", parameters)
        return self._page([])

    def _requested(self, endpoint: str, parameters: dict[str, Any]) -> list[str]:
        sent = {"filter": parameters.pop("filter_string"), **parameters}
        address = f"http://mlflow/api/2.0/mlflow/{endpoint}/search"
        line = (
            f"GET {requests.Request('GET', address, params=sent).prepare().path_url} HTTP/1.1\r\n"
        )
        self.calls += 1
        self.longest = max(self.longest, len(line))
        if len(line) > self.limit:
            raise MlflowException(self.answer)
        if "= 'true'" in sent["filter"]:
            return []
        return [name for name in self.names if f"'{name}'" in sent["filter"].replace('"', "'")]

    @staticmethod
    def _model(name: str) -> Any:
        return SimpleNamespace(name=name, description="", tags={}, aliases={})

    @staticmethod
    def _page(entities: list[Any]) -> Any:
        class Page(list[Any]):
            token = None

        return Page(entities)


def registry_of(client: LimitedClient, monkeypatch: pytest.MonkeyPatch) -> Registry:
    registry = Registry("http://mlflow.example")
    monkeypatch.setattr(registry._server, "_call_in_time", lambda call, _, options: call(**options))
    monkeypatch.setattr(registry, "_client", client)
    return registry


@pytest.mark.parametrize("kind", NAMES)
def test_no_request_is_longer_than_gunicorn_takes(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = NAMES[kind]
    client = LimitedClient(names, GUNICORN, TOO_LONG.format(400, ""))
    assert set(registry_of(client, monkeypatch).observe(names, only=True)) == set(names)
    assert client.longest <= GUNICORN


@pytest.mark.parametrize(
    "answer",
    [
        TOO_LONG.format(400, "<h1>Bad Request</h1> Request Line is too large (4200 &gt; 4094)"),
        TOO_LONG.format(400, "Invalid HTTP request received."),
        TOO_LONG.format(414, "<html>414 Request-URI Too Large</html>"),
        TOO_LONG.format(431, ""),
        "INTERNAL_ERROR: Request-URI Too Long",
    ],
)
@pytest.mark.parametrize("limit", [2600, 1200, 600])
def test_a_stricter_server_gets_smaller_parts(
    answer: str, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = NAMES["letters"]
    client = LimitedClient(names, limit, answer)
    observed = registry_of(client, monkeypatch).observe(names, only=True)
    assert list(observed) == names, "no name is lost, and none is asked for out of order"


def test_a_name_that_no_request_holds_is_reported_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    client = LimitedClient(NAMES["letters"], 100, TOO_LONG.format(414, ""))
    with pytest.raises(RegistryFailure) as caught:
        registry_of(client, monkeypatch).observe(NAMES["letters"], only=True)
    assert caught.value.code == REQUEST_TOO_LONG and "8 KiB" in str(caught.value.fix)
    assert client.calls < 10, "not every name is tried"


@pytest.mark.parametrize("kind", NAMES)
def test_chunks_hold_every_name_once(kind: str) -> None:
    chunks = list(name_chunks(NAMES[kind]))
    assert sorted(name for chunk in chunks for name in chunk) == sorted(NAMES[kind])
    assert name_filter(["a"]) == "name = 'a'" and name_filter(["a", "b"]) == "name IN ('a','b')"
