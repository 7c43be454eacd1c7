"""Output that nobody reads any more, as behind `head`: real processes and real pipes. They end
without a word, and with the exit code that git has there."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.team import GIT_ENVIRONMENT, Team

OFFLINE = (
    *("log", "log --format json", "log --format jsonl", "log --format csv"),
    *("log --format markdown", "explain", "explain gate --format json", "validate", "--help"),
)
ONLINE = (
    *("plan", "status --format json", "show churn", "verify", "health"),
    "export churn --out {out}.tar",
)


@pytest.fixture
def team(tmp_path: Path) -> Team:
    made = Team(tmp_path / "repo", f"sqlite:///{tmp_path / 'none'}/mlflow.db")
    made.write("old/policy.yaml", "")
    for number in (1, 2):
        made.commit(f"Version {number}", churn=f"stages: {{Production: {number}}}\n")
    return made


def unread(team: Team, arguments: str) -> tuple[int, bytes]:
    """The exit code and stderr of a command whose stdout is closed before it prints anything."""
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "mlflow_gitops", "--repo", str(team.folder)]
    words = arguments.format(out=team.folder.parent / "out").split()
    ran = subprocess.run(
        [*command, "--tracking-uri", team.uri, *words],
        env=os.environ | GIT_ENVIRONMENT,
        stdout=writer,
        stderr=subprocess.PIPE,
        timeout=300,
    )
    os.close(writer)
    return ran.returncode, ran.stderr


@pytest.mark.parametrize("arguments", OFFLINE)
def test_a_command_ends_quietly(team: Team, arguments: str) -> None:
    code, messages = unread(team, arguments)
    assert code == 141, messages.decode()
    assert b"Traceback" not in messages and b"error" not in messages


@pytest.mark.real
def test_so_does_one_that_reads_mlflow(
    team: Team, blank_registry: Callable[[Path], str], tmp_path: Path
) -> None:
    team.uri = blank_registry(tmp_path / "mlflow.db")
    health = "{window: 1h, checks: {d: {metric: d, max: 1, newer_than: 1h}}}"
    team.write("policy.yaml", f"stages: {{Production: {{health: {health}}}}}\n")
    team.commit("Watch")
    ended = {arguments: unread(team, arguments) for arguments in ONLINE}
    assert {arguments: code for arguments, (code, _) in ended.items()} == dict.fromkeys(ONLINE, 141)
    assert not [arguments for arguments, (_, text) in ended.items() if b"Traceback" in text]
