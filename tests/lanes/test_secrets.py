"""A secret stands in every place that may hold one, and in nothing that any command prints or
writes, failing or not."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mlflow_gitops.edges.system.redaction import redact, without_credentials
from tests.support.receipts import receipts_in
from tests.support.registries.lane import LaneRegistry
from tests.support.servers import free_port
from tests.support.team import Ran, Team

SECRETS = {
    "MLFLOW_TRACKING_PASSWORD": "hunter2-of-the-variable",
    "MLFLOW_TRACKING_TOKEN": "bearer-of-the-variable",
    "GITHUB_TOKEN": "ghp_token0of0the0variable",
}
OF_THE_URI = "hunter2/of:the?address"
OF_THE_REMOTE = "ghs_token0of0the0remote"
KNOWN = (
    *SECRETS.values(),
    OF_THE_URI,
    "hunter2%2Fof%3Athe%3Faddress",
    OF_THE_REMOTE,
    "hunter2/of",
    "the?address",
)


@pytest.fixture(autouse=True)
def _planted(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    team.wait_less(write_pauses=(0.01,), read_backoff=0, receipt_tries=1)
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "somebody")
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def uri(http_uri: str) -> str:
    return http_uri


def with_password(address: str) -> str:
    return address.replace("://", "://user:hunter2%2Fof%3Athe%3Faddress@")


def clean(text: str) -> None:
    forms = {
        *KNOWN,
        *(
            base64.b64encode(f"{who}:{one}".encode()).decode()
            for who in ("user", "somebody")
            for one in KNOWN
        ),
    }
    found = [form for form in forms if form in text]
    assert not found, (found, text[:2000])


def searched(team: Team, ran: Ran) -> Ran:
    """What a command said; and every file beside the repository's own settings, where people put
    the remote."""
    clean(ran.out + ran.err)
    for file in team.folder.parent.rglob("*"):
        if (
            file.is_file()
            and ".git" not in file.relative_to(team.folder.parent).parts
            and file.suffix != ".db"
        ):
            clean(file.read_bytes().decode("utf-8", "replace"))
    clean(team.git("log", "-p", "--all", "--format=fuller"))
    return ran


def test_a_server_that_works(team: Team, shelf: LaneRegistry, tmp_path: Path) -> None:
    """Of every command, all that it prints and writes: plans, receipts, stamps, the page."""
    name = shelf.model(2)
    team.git(
        "remote",
        "add",
        "origin",
        f"http://x-access-token:{OF_THE_REMOTE}@127.0.0.1:{free_port()}/o/r.git",
    )
    team.commit(**{name: "stages: {Production: 1}\n"})
    team.git("update-ref", "refs/remotes/origin/main", "HEAD")
    plan = tmp_path / "plan.json"
    commands = [
        ["-v", "plan", name], ["plan", name, "--out", str(plan)],
        ["plan", name, "--format", "json"],
        ["reconcile", name, "--yes", "--no-push-receipts", "--format", "json"],
        ["-v", "status", name],
        ["-v", "verify", name], ["log"], ["show"],
        ["compare", name, "1", "2"], ["report", "--out", str(tmp_path / "page")], ["doctor"],
        ["doctor", "--format", "json"],
        ["pin", name, "1"], ["import", "--dry-run"], ["init", "--dry-run"],
    ]  # fmt: skip
    for command in commands:
        ran = searched(team, team.run(*command, uri=with_password(team.uri)))
        assert ran.code in (0, 4) or command[0] == "doctor", (command, ran)
    assert "127.0.0.1" in plan.read_text() or plan.read_text().count("sha256:"), (
        "the registry is known by its address"
    )
    model = shelf.client.get_registered_model(name)
    assert "gitops.receipt" in model.tags
    clean(repr(model.tags) + repr([version.tags for version in shelf.versions(name).values()]))
    clean(receipts_in(team.folder)[-1].text)


class _Echo(BaseHTTPRequestHandler):
    """Answers everything with a refusal that quotes all it was sent."""

    status = 401

    def _answer(self) -> None:
        body = f"refused {self.path} {self.headers.items()}".encode()
        self.send_response(self.status)
        self.send_header("WWW-Authenticate", 'Basic realm="x"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = _answer

    def log_message(self, *_: object) -> None: ...


@contextmanager
def echo(status: int) -> Iterator[str]:
    handler = type("Echo", (_Echo,), {"status": status})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("status", [401, 403, 500])
def test_a_server_that_refuses_and_quotes(team: Team, status: int) -> None:
    team.commit(m="stages: {}\n")
    with echo(status) as address:
        for command in (
            ["-v", "plan"],
            ["reconcile", "--yes", "--format", "json"],
            ["verify"],
            ["doctor"],
        ):
            ran = searched(team, team.run(*command, uri=with_password(address)))
            assert ran.code and (str(status) in ran.out + ran.err), ran


ADDRESSES = {
    "HTTP": "http://user:hunter2%2Fof%3Athe%3Faddress@127.0.0.1:{port}",
    "HTTP, not encoded": "http://user:hunter2/of:the?address@127.0.0.1:{port}",
    "PostgreSQL": "postgresql://user:hunter2%2Fof%3Athe%3Faddress@127.0.0.1:{port}/db",
    "PostgreSQL, not encoded": "postgresql://user:hunter2/of:the?address@127.0.0.1:{port}/db",
    "PostgreSQL, in the query": (
        "postgresql:///db?host=127.0.0.1&port={port}&user=u&password=hunter2/of:the?address"
    ),
    "a password with a colon": "postgresql+psycopg2://user:x:the?address@127.0.0.1:{port}/db",
    "MySQL": "mysql+pymysql://user:hunter2%2Fof%3Athe%3Faddress@127.0.0.1:{port}/db",
    "a scheme that there is not": "nosuch://user:hunter2/of:the?address@127.0.0.1/db",
}


@pytest.mark.parametrize("case", ADDRESSES)
def test_an_address_that_leads_nowhere(case: str, team: Team) -> None:
    team.commit(m="stages: {}\n")
    for command in (["-v", "plan"], ["doctor"]):
        ran = searched(team, team.run(*command, uri=ADDRESSES[case].format(port=free_port())))
        assert ran.code, ran


def test_a_remote_that_is_dead_or_refuses(
    team: Team, shelf: LaneRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = shelf.model(2)
    team.commit(**{name: "stages: {Production: 1}\n"})
    team.git("update-ref", "refs/remotes/origin/main", "HEAD")
    with echo(401) as refusing:
        for address in (f"http://127.0.0.1:{free_port()}", refusing):
            url = address.replace("://", f"://x-access-token:{OF_THE_REMOTE}@") + "/o/r.git"
            team.git("remote", "remove", "origin", check=False)
            team.git("remote", "add", "origin", url)
            team.git("update-ref", "refs/remotes/origin/main", "HEAD")
            ran = searched(team, team.run("reconcile", name, "--yes", "--push-receipts"))
            assert ran.code == 5 and "could not be" in ran.out + ran.err, ran
            monkeypatch.setenv("GITHUB_API_URL", address)
            monkeypatch.setenv("GITHUB_REPOSITORY", "o/r")
            ran = searched(
                team,
                team.run("promote", name, "2", "Production", "--no-pin", "--branch", "b", "--pr"),
            )
            assert ran.code, ran
            for command in (["doctor"], ["github", "plan"], ["-v", "log"]):
                searched(team, team.run(*command))
            team.git("checkout", "-q", "-f", "main")
            team.git("branch", "-D", "b", check=False)


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("http://u:p@h:5000/x", "http://h:5000/x"),
        ("http://tok@h", "http://h"),
        ("http://h:5000/@a", "http://h:5000/@a"),
        ("http://[::1]:5000/a@b", "http://[::1]:5000/a@b"),
        ("http://u:p@[::1]:5000", "http://[::1]:5000"),
        ("postgresql://u:p@ss@h/db?sslmode=x", "postgresql://h/db"),
        ("postgresql://u:pa/ss@h/db", "postgresql://h/db"),
        ("postgresql:///db?user=u&password=x", "postgresql:///db"),
        ("http://u:p#ss@h", "http://h"),
        ("sqlite:////a/b@c.db?x=1", "sqlite:////a/b@c.db?x=1"),
        ("mlflow.db", "mlflow.db"),
    ],
)
def test_what_is_shown_of_an_address(uri: str, shown: str) -> None:
    assert without_credentials(uri) == shown
    assert redact(f"cannot open {uri}, sorry").startswith(f"cannot open {shown}")
