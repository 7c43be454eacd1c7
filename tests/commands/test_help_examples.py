"""Each `--help` shows an example, and each example is run as it stands.

They are collected from the application itself: a command without one fails here, and so does a new
example that does not work in the repository of `support/acme.py`.
"""

from __future__ import annotations

import json
import re
import shutil
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from tests.support.acme import Acme
from tests.support.attacks.signers import Signer
from tests.support.console.arguments import understood
from tests.support.console.shell import Shell
from tests.support.servers import free_port

EXPECTED = {
    "mlflow-gitops plan --rev candidate --onto main": "Production  12 → 14",
    "mlflow-gitops compare fraud-detector Production 14": "+0.012",
    "mlflow-gitops promote fraud-detector 14 Production --branch promote-14 -m 'Recall +1.2'": (
        "+  Production: 14"
    ),
    "mlflow-gitops rollback fraud-detector --commit -m 'False alarms doubled since noon'": (
        "+  Production: 11"
    ),
    "mlflow-gitops reconcile --yes --no-push-receipts": "nothing to change",
    "mlflow-gitops log fraud-detector --stage Production --since 2026-01-31": "11 → 12",
    "mlflow-gitops render deployment.yaml.j2 --stage Production --to deploy": (
        "+image: models:/fraud-detector/12"
    ),
    "mlflow-gitops import 'fraud-*' --folder 'fraud-*=risk' --dry-run": "Nothing was written.",
}
"""What some of them print, beside ending with 0."""

OTHER_CODES = {
    "GITHUB_TOKEN=… mlflow-gitops doctor": 1,  # this GitHub protects nothing, and doctor says so
    "mlflow-gitops verify --signatures --since 2026-01-31": 4,  # nobody has signed
    "mlflow-gitops health fraud-detector --stage Production": 1,  # its policy watches no stage
    # Its manifest pins no digest, and nothing else is fetched.
    "mlflow-gitops fetch fraud-detector Production --to model": 4,
}

ELSEWHERE = {
    "mlflow-gitops rights --format markdown": (
        "tests/lanes/test_servers_of_every_kind.py has a server with accounts"
    ),
    "mlflow-gitops rights --apply": "the same test has it",
    "mlflow-gitops notify --dry-run": "tests/commands/test_notify.py has channels",
    "mlflow-gitops notify --test risk": "the same tests have a server for it",
    "mlflow-gitops demo /tmp/story": "tests/demo/test_demo.py tells it, which takes half a minute",
    "mlflow-gitops --env prod promote fraud-detector 14 Production --from staging": (
        "tests/lanes/test_promotion_between.py has two registries for it"
    ),
    "mlflow-gitops fetch fraud-detector --version 12 --digest $MODEL_DIGEST --to model": (
        "tests/lanes/test_fetch.py has a version with files"
    ),
    "mlflow-gitops check fraud-detector 14 --env-manager local": (
        "tests/commands/test_check.py has versions that can be run"
    ),
}
"""Examples that are read here and run there."""


def commands() -> Iterator[tuple[str, Any]]:
    """Every command that there is, hidden ones and those of groups among them: its words, and
    itself."""
    from mlflow_gitops.cli import app

    def below(words: str, command: Any) -> Iterator[tuple[str, Any]]:
        subcommands = getattr(command, "commands", None)
        if subcommands is None:
            yield words, command
        for name, one in (subcommands or {}).items():
            yield from below(f"{words} {name}".strip(), one)

    yield from below("", typer.main.get_command(app))


def examples(command: Any) -> list[str]:
    lines = [line.strip() for line in (command.help or "").splitlines()]
    return [line.removeprefix("Example:").strip() for line in lines if line.startswith("Example:")]


ALL = {line: words for words, command in commands() for line in examples(command)}


def prepared(acme: Acme) -> Shell:
    """What the examples speak of, beside the repository: a pull request, its event, what reconcile
    printed."""
    head = acme.team.git("rev-parse", "candidate")
    acme.hub.open_pull("candidate", "Promote fraud-detector 14", user="ada")
    event = {"workflow_run": {"head_sha": head, "event": "pull_request", "id": 7}}
    (acme.folder / "event.json").write_text(json.dumps(event))
    shutil.copy(acme.folder / "reconciled.json", acme.team.folder)
    Signer(acme.team.folder, "models").key.rename(acme.team.folder / "models.pem")
    (acme.team.folder / "deployment.yaml.j2").write_text("image: {{ uri }}\n")
    files = {name: str(acme.folder / name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    return acme.shell(
        **files, GITHUB_EVENT_PATH=str(acme.folder / "event.json"), GITHUB_RUN_ID="7", HEAD_SHA=head
    )


def test_every_command_has_an_example_that_calls_it() -> None:
    for words, command in commands():
        of = {"diff": "compare", "list": "status"}.get(words, words)
        assert examples(command), f"`mlflow-gitops {words} --help` shows no example"
        for line in examples(command):
            assert re.search(rf"\bmlflow-gitops( --\S+ \S+)* {of}\b", line), f"{words}: {line}"


def test_the_tables_here_name_examples_that_there_are() -> None:
    assert {*EXPECTED, *OTHER_CODES, *ELSEWHERE} <= set(ALL)


@pytest.mark.parametrize("line", sorted(ALL))
def test_an_example_works_as_it_stands(line: str, request: pytest.FixtureRequest) -> None:
    if line in ELSEWHERE:
        understood(line)
        return
    acme: Acme = request.getfixturevalue("acme")
    shell = prepared(acme)
    if "--watch" in line:
        watched(line, acme)
        return
    ran = shell.run(line.replace("GITHUB_TOKEN=…", "GITHUB_TOKEN=actions-token"))
    assert ran.code == OTHER_CODES.get(line, 0), ran.out + ran.err
    assert EXPECTED.get(line, "") in ran.out + ran.err, ran.out + ran.err


def watched(line: str, acme: Acme) -> None:
    """A loop has no end of its own: it is asked for its health, and then to stop."""
    port = free_port()
    words = line.removeprefix("mlflow-gitops ").split()
    process = acme.team.spawn(*words, "--listen", f"127.0.0.1:{port}")
    try:
        end = time.monotonic() + 60
        while not _healthy(port):
            assert process.poll() is None and time.monotonic() < end
            time.sleep(0.1)
    finally:
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err


def _healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
