"""What counts as a number of Prometheus', and what is done with everything else (RULES R13)."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from mlflow_gitops.core.health.values import NoValue
from mlflow_gitops.edges.prometheus.access import Access
from mlflow_gitops.edges.prometheus.client import MAX_ANSWER, PrometheusClient
from tests.support.prometheus.stand_in import (
    Reply,
    StandIn,
    always,
    data,
    matrix,
    number,
    stand_in,
    vector,
)

NOW = datetime(2026, 3, 10, 12, tzinfo=timezone.utc)
MINUTE = timedelta(minutes=1)
SERIES = {"metric": {}, "value": [1773144000, "0.5"]}
REDIRECT = Reply("", 302, {"Location": "http://127.0.0.1:1/"})


@pytest.fixture
def server() -> Iterator[StandIn]:
    with stand_in(number(0.5)) as serving:
        yield serving


def client(server: StandIn, **credentials: str) -> PrometheusClient:
    return PrometheusClient(Access(server.address, **credentials), patience=5)


def test_numbers(server: StandIn) -> None:
    asked = client(server)
    assert asked.query("up", NOW) == 0.5
    values = asked.query_range("up", NOW - 2 * MINUTE, NOW, MINUTE)
    assert [value for _, value in values] == [0.5] * 3
    assert [at for at, _ in values] == [NOW - 2 * MINUTE, NOW - MINUTE, NOW]
    assert server.requests == [
        ("/api/v1/query", {"query": "up", "time": "2026-03-10T12:00:00.000Z"}),
        (
            "/api/v1/query_range",
            {
                "query": "up",
                "start": "2026-03-10T11:58:00Z",
                "end": "2026-03-10T12:00:00Z",
                "step": "60s",
            },
        ),
    ]
    server.reply = always(data("scalar", [1773144000, "7"]))
    assert asked.query("scalar(up)", NOW) == 7


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (vector(), "there is no data"),
        (vector(SERIES, SERIES), "2 series, not one"),
        (data("string", [1773144000, "text"]), "a string, not"),
        (data("matrix", []), "a matrix, not"),
        (data("vector", [{"metric": {}, "histogram": [1, {}]}]), "cannot be read"),
        (data("vector", [{"value": [1773144000, 0.5]}]), "cannot be read"),
        (data("vector", [{"value": ["now", "0.5"]}]), "cannot be read"),
        (data("vector", [{"value": [1e300, "0.5"]}]), "cannot be read"),
        (data("vector", [{"value": [1773144000, "half"]}]), "cannot be read"),
        (data("vector", [SERIES], warnings=["a store is down"]), "warns: a store is down"),
        (Reply({"status": "error", "error": "bad\nquery"}, 400), "an error: bad query"),
        (Reply({"status": "success"}, 503), "an error: status 503"),
        (Reply({"status": "success"}), "without data"),
        (Reply("<html>Login</html>"), "no JSON object"),
        (Reply("[" * 100_000), "no JSON object"),
        (Reply("", 200), "no JSON object"),
        (Reply("[]", 200), "no JSON object"),
        (Reply({"status": "error"}, 401), "refuses the credentials (status 401)"),
        (REDIRECT, "redirects to another address"),
        (Reply("x" * (MAX_ANSWER + 1)), "more than 4 MiB"),
    ],
)
def test_what_is_no_number(server: StandIn, reply: Reply, words: str) -> None:
    server.reply = always(reply)
    with pytest.raises(NoValue) as reason:
        client(server).query("up", NOW)
    assert words in str(reason.value)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (matrix(), "there is no data"),
        (matrix({"values": []}, {"values": []}), "2 series"),
        (vector(SERIES), "a vector, not numbers over time"),
        (data("matrix", [{"metric": {}, "histograms": []}]), "without numbers"),
        (matrix({"values": [[1, "2", 3]]}), "cannot be read"),
    ],
)
def test_what_is_no_series(server: StandIn, reply: Reply, words: str) -> None:
    server.reply = always(reply)
    with pytest.raises(NoValue) as reason:
        client(server).query_range("up", NOW, NOW, MINUTE)
    assert words in str(reason.value)


def test_credentials(server: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the variables, and none of a `.netrc`."""
    (tmp_path / "netrc").write_text("default login other password other\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    client(server, token="sesame").query("up", NOW)
    client(server, user="ada", password="pä").query("up", NOW)
    client(server).query("up", NOW)
    assert server.credentials == ["Bearer sesame", "Basic YWRhOnDDpA==", None]


def test_credentials_do_not_follow_a_redirect(server: StandIn) -> None:
    with stand_in(number(0.01)) as other:
        server.reply = always(Reply("", 307, {"Location": f"{other.address}/api/v1/query"}))
        with pytest.raises(NoValue):
            client(server, token="sesame").query("up", NOW)
        assert other.requests == []


def test_a_silent_server_is_not_asked_again() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        asked = PrometheusClient(Access(address), patience=0.2)
        for _ in range(3):
            with pytest.raises(NoValue, match="gives no answer: nothing came within"):
                asked.query("up", NOW)
        listening.setblocking(False)
        listening.accept()[0].close()
        with pytest.raises(BlockingIOError):
            listening.accept()


def test_a_server_that_is_down(server: StandIn) -> None:
    with stand_in(number(1)) as gone:
        asked = client(gone)
    with pytest.raises(NoValue, match="the connection failed"):
        asked.query("up", NOW)
