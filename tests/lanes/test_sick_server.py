"""A server that is dead, silent, slow or unwilling: a clear message with its name, never its
password, in time."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mlflow_gitops.settings import DEFAULT_PATIENCE
from tests.support.proxy import LOSE_THE_ANSWER, STALL, Answer, Fault, Proxy, proxy
from tests.support.registries.lane import LaneRegistry
from tests.support.servers import free_port
from tests.support.team import Team

SECRET = "pa55word"


@pytest.fixture
def uri(http_uri: str) -> str:
    return http_uri


@pytest.fixture
def between(http_uri: str) -> Iterator[Proxy]:
    with proxy(http_uri) as found:
        yield found


@pytest.fixture(autouse=True)
def _quick(team: Team) -> None:
    team.wait_less(write_pauses=(0.01, 0.02, 0.03), read_backoff=0)


def with_password(address: str) -> str:
    return address.replace("://", f"://user:{SECRET}@")


def failure_text(team: Team, address: str, *args: str) -> str:
    """What `status` says of a server that cannot be used; it exits 1, in time, and keeps the
    secret."""
    start = time.monotonic()
    ran = team.run(*(args or ("status",)), uri=with_password(address))
    assert time.monotonic() - start < 15 * 2  # 15 are promised; the rest is for a busy machine
    assert ran.code == 1, ran.out + ran.err
    assert SECRET not in ran.out + ran.err
    assert address in ran.err and ran.err.count("\n") == 1, ran.err
    return ran.err


def test_dead(team: Team) -> None:
    team.commit(m="stages: {}\n")
    assert "refuses connections" in failure_text(team, f"http://127.0.0.1:{free_port()}")


def test_unknown_host(team: Team) -> None:
    team.commit(m="stages: {}\n")
    assert "no host of that name" in failure_text(team, "http://mlflow.invalid:5000")


@pytest.mark.parametrize(
    "patience", [0.5, pytest.param(None, marks=pytest.mark.real)], ids=["shorter", "as it is"]
)
def test_silent(team: Team, patience: float | None) -> None:
    if patience is not None:
        assert DEFAULT_PATIENCE.answer + DEFAULT_PATIENCE.probe <= 10
        team.wait_less(answer=patience, probe=patience)
    team.commit(m="stages: {}\n")
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(16)
        waited = f"did not answer within {2 * patience if patience else 10:.0f} seconds"
        assert waited in failure_text(team, f"http://127.0.0.1:{deaf.getsockname()[1]}")


def test_slow_is_waited_for(team: Team, shelf: LaneRegistry, between: Proxy) -> None:
    team.wait_less(answer=0.3)
    name = shelf.model(1)
    team.commit(**{name: "stages: {Production: 1}\n"})

    def slow(number: int, method: str, path: str) -> Fault:
        if number == 0:
            time.sleep(1.5)
        return None

    between.fault = slow
    ran = team.run("plan", name, uri=between.address)
    assert ran.code == 0 and ran.err.count("is slow to answer; waiting") == 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            Answer(401, "who are you"),
            "does not accept these credentials (401). Set MLFLOW_TRACKING_USERNAME",
        ),
        (Answer(403, "Permission denied"), "forbids this (403): these credentials lack READ"),
        (Answer(429, "slow down", {"Retry-After": "1"}), "asks to slow down (429)"),
        (Answer(500, "<h1>Internal Server Error</h1>"), "failed (500)"),
        (Answer(503, "no"), "failed (503)"),
        (Answer(200, "<html>Please log in</html>"), "a login page perhaps"),
        (Answer(200, '{"registered_models": 7}'), ""),
    ],
    ids=["401", "403", "429", "500", "503", "login page", "nonsense"],
)
def test_unwilling(team: Team, between: Proxy, answer: Answer, words: str) -> None:
    team.commit(m="stages: {}\n")
    between.fault = lambda *_: answer
    assert words in failure_text(team, between.address)


def test_redirected_to_a_login_page(team: Team, between: Proxy) -> None:
    team.commit(m="stages: {}\n")

    def login(number: int, method: str, path: str) -> Fault:
        return (
            Answer(200, "<html>Log in</html>")
            if path == "/login"
            else Answer(302, "", {"Location": "/login"})
        )

    between.fault = login
    assert "a login page perhaps" in failure_text(team, between.address)


def test_a_certificate_that_nobody_signed(team: Team, tmp_path: Path) -> None:
    team.commit(m="stages: {}\n")
    with tls_server(tmp_path) as address:
        assert "TLS certificate is not trusted" in failure_text(team, address)


def test_retry_after_is_honoured_while_reading(
    team: Team, shelf: LaneRegistry, between: Proxy
) -> None:
    name = shelf.model(1)
    team.commit(**{name: "stages: {Production: 1}\n"})
    between.fault = lambda number, *_: (
        Answer(429, "", {"Retry-After": "1"}) if number == 0 else None
    )
    start = time.monotonic()
    assert team.run("plan", name, uri=between.address).code == 0
    assert time.monotonic() - start >= 1


def test_removing_an_alias_names_the_permission(
    team: Team, shelf: LaneRegistry, between: Proxy
) -> None:
    name = shelf.model(1)
    shelf.client.set_registered_model_alias(name, "staging", "1")
    team.commit(**{name: "stages: {}\n"})
    between.fault = lambda number, method, path: (
        Answer(403, "Permission denied") if method == "DELETE" else None
    )
    ran = team.run("reconcile", "--yes", "--format", "json", uri=between.address)
    assert ran.code == 5
    [model] = ran.json["models"]
    assert (
        model["result"] == "failed"
        and "MANAGE" in model["error"]
        and between.address in model["error"]
    )
    assert "gitops.commit" not in shelf.tags(name)


def test_a_server_that_dies_in_the_middle_is_given_up_once(
    team: Team, shelf: LaneRegistry, between: Proxy
) -> None:
    names = [shelf.model(1, f"m{i}") for i in range(8)]
    team.commit(**{name: "stages: {Production: 1}\n" for name in names})
    between.fault = lambda number, method, path: STALL if number >= 5 else None
    between.health = STALL
    patient = team.settings
    team.wait_less(answer=1.5, probe=0.5)
    ran = team.run("reconcile", "--yes", "--jobs", "2", uri=between.address)
    team.settings = patient
    assert (
        ran.code == 5
        # A write that was on its way adds that MLflow "did not answer one write".
        and ran.out.count("did not answer within") == len(names)
        and "could not be read back" in ran.out
    )
    assert len(between.requests) <= 5 + 2 * 2, "it is not waited for at each model"
    between.reset()
    assert team.run("reconcile", "--yes", uri=between.address).code == 0
    assert all(shelf.stages(name) == {1: "Production"} for name in names)


def test_a_model_that_exists_and_is_not_shown(team: Team, between: Proxy) -> None:
    """MLflow's basic-auth app leaves out of its answers what one may not read."""
    team.commit(hidden="stages: {}\n")
    taken = Answer(400, '{"error_code": "RESOURCE_ALREADY_EXISTS", "message": "It exists."}')
    between.fault = lambda number, method, path: (
        taken if path.endswith("registered-models/create") else None
    )
    ran = team.run("reconcile", "--yes", uri=between.address)
    assert ran.code == 5 and "hidden from these credentials, which then lack READ" in ran.out


def test_a_text_that_the_database_cannot_store_is_refused(
    team: Team, shelf: LaneRegistry, between: Proxy
) -> None:
    """MariaDB with latin1 columns."""
    name = shelf.model(1)
    team.commit(**{name: "stages: {Production: 1}\ndescription: a → b\n"})
    message = "(pymysql.err.DataError) (1366, \"Incorrect string value: 'x' for column\")"
    answer = Answer(400, json.dumps({"error_code": "BAD_REQUEST", "message": message}))
    between.fault = lambda number, method, path: (
        answer if path.endswith("registered-models/update") else None
    )
    for _ in range(2):
        ran = team.run("reconcile", "--yes", "--format", "json", uri=between.address)
        [model] = [model for model in ran.json["models"] if model["model"] == name]
        assert ran.code == 4 and [entry["code"] for entry in model["refusals"]] == ["unstorable"]
    assert shelf.stages(name) == {1: "Production"}


@pytest.mark.parametrize("twin", ["Hidden", "hídden", "hidden "])
def test_a_name_that_the_database_takes_for_anothers_is_refused(
    team: Team, between: Proxy, twin: str
) -> None:
    """MySQL and MariaDB, by their collation: tests/lanes/test_deployments.py has a real one."""
    team.commit(hidden="stages: {}\n")
    taken = Answer(400, '{"error_code": "RESOURCE_ALREADY_EXISTS", "message": "It exists."}')
    found = Answer(200, json.dumps({"registered_model": {"name": twin}}))
    between.fault = lambda number, method, path: (
        taken
        if path.endswith("registered-models/create")
        else found
        if "registered-models/get" in path
        else None
    )
    ran = team.run("reconcile", "--yes", "--format", "json", uri=between.address)
    [model] = [model for model in ran.json["models"] if model["model"] == "hidden"]
    assert ran.code == 4 and [entry["code"] for entry in model["refusals"]] == ["name_taken"]
    assert repr(twin) in model["refusals"][0]["detail"]


@pytest.mark.parametrize("lost", [False, True], ids=["answered", "answer lost"])
def test_a_registration_that_got_another_number_is_taken_back(
    team: Team, shelf: LaneRegistry, between: Proxy, lost: bool
) -> None:
    name = shelf.model(2)
    shelf.client.delete_model_version(name, "2")
    text = "stages: {Staging: %d}\nversions: {%d: {source: s3://models/new}}\n"
    team.commit(**{name: text % (2, 2)})
    between.fault = lambda number, method, path: (
        LOSE_THE_ANSWER if lost and path.endswith("model-versions/create") else None
    )
    ran = team.run("reconcile", "--yes", "--format", "json", uri=between.address)
    assert ran.code == 4, ran
    [refusal] = ran.json["models"][0]["refusals"][-1:]
    assert (
        refusal["code"] == "missing_version"
        and refusal["way_out"] == "pin it as the next free number, 4"
    )
    assert shelf.stages(name) == {1: "None"} and shelf.tags(name)["gitops.highest"] == "3"
    between.reset()
    assert team.run("reconcile", "--yes", uri=between.address).code == 4 and between.writes == []
    team.commit(**{name: text % (4, 4)})
    assert team.run("reconcile", "--yes", uri=between.address).code == 0
    assert shelf.stages(name) == {1: "None", 4: "Staging"}


@contextmanager
def tls_server(folder: Path) -> Iterator[str]:
    key, certificate = folder / "key.pem", folder / "cert.pem"
    subject = ["-subj", "/CN=localhost", "-days", "1"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject, *files]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            pass

    server = Quiet(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"https://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
