"""MLflow's own webhooks wake the loop: a real server sends them, set up as the page says."""

from __future__ import annotations

import re
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from tests.support.registries.lane import LaneRegistry
from tests.support.servers import free_port, mlflow_server
from tests.support.team import Team
from tests.support.watch.rounds import eventually, push
from tests.support.watch.webhooks import SECRET

pytestmark = [pytest.mark.real, pytest.mark.weekly]

PAGE = Path(__file__).parents[3] / "tools" / "deploy" / "README.md"
GATED = "stages: {Production: {alias: production, require: {tags: {validation: passed}}}}\n"


@pytest.fixture
def uri(tmp_path: Path, blank_registry: Callable[[Path], str]) -> Iterator[str]:
    """A server that may send to this machine, and looks for new webhooks at once."""
    settings = {
        "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": Fernet.generate_key().decode(),
        "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http",
        "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
        "MLFLOW_WEBHOOK_CACHE_TTL": "0",
    }
    folder = tmp_path / "server"
    with mlflow_server(folder, blank_registry(tmp_path / "served.db"), env=settings) as address:
        yield address


def make_webhook(address: str, uri: str) -> None:
    """Run what the page says, with another address, and with the server named: a test that ran
    before may have set MLflow's own default."""
    [code] = re.findall(r"```python\n(.*?create_webhook.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert "https://reconciler.example/hook" in code and "MlflowClient()" in code
    code = code.replace("MlflowClient()", f"MlflowClient({uri!r})")
    exec(code.replace("https://reconciler.example/hook", address))


class Rounds:
    """Waits until a round that did something is over: what changes in the midst of one fails its
    model, which then rests."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._lines: list[str] = []
        self._waited_for = 0
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        self._lines.extend(self._process.stdout)

    def wait(self) -> None:
        self._waited_for += 1
        eventually(lambda: sum("Reconciled to" in line for line in self._lines) >= self._waited_for)


def test_what_changes_in_mlflow_is_seen_in_seconds(
    team: Team,
    watcher_clone: Team,
    shelf: LaneRegistry,
    uri: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The next round would come in ten hours."""
    name, port = shelf.model(1), free_port()
    push(team, "First", **{name: "stages: {Production: 1}\n"})
    team.write("policy.yaml", GATED)
    push(team, "Gate")
    push(team, "Promote", **{name: "stages: {Production: 2}\n"})
    monkeypatch.setenv("MLFLOW_GITOPS_WEBHOOK_SECRET", SECRET)
    address = f"127.0.0.1:{port}"
    options = ("--watch", "--interval", "10h", "--listen", address, "--no-push-receipts")
    team.git("push", "-q", "origin", "main")
    process = watcher_clone.spawn("reconcile", "--yes", *options)
    rounds = Rounds(process)
    try:
        rounds.wait()
        make_webhook(f"http://{address}/hook", uri)
        [webhook] = shelf.client.list_webhooks()
        tested = shelf.client.test_webhook(webhook.webhook_id)
        assert (tested.success, tested.response_status) == (True, 202), tested

        # In one request: a round that begins between two would refuse the version.
        passed = {"validation": "passed"}
        shelf.client.create_model_version(name, "s3://models/2", tags=passed, await_creation_for=0)
        rounds.wait()
        assert shelf.aliases(name) == {"production": 2}
        assert shelf.stages(name)[2] == "Production"
        shelf.client.set_registered_model_alias(name, "production", "1")
        rounds.wait()
        assert shelf.aliases(name) == {"production": 2}
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(300) == 0
    err = process.stderr.read() if process.stderr is not None else ""
    assert "Traceback" not in err and SECRET not in err, err
