"""A command that the user gives: what it gets, what it does not get, and how it ends."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import pytest

from mlflow_gitops.edges.system import given_command
from mlflow_gitops.edges.system.given_command import GivenCommand
from mlflow_gitops.errors import UsageFailure


def python(code: str, *arguments: str, seconds: float = 30.0) -> GivenCommand:
    return GivenCommand((sys.executable, "-c", code, *arguments), seconds)


def test_it_gets_the_text_and_no_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    withheld = {
        "MLFLOW_TRACKING_TOKEN": "t",
        "MLFLOW_TRACKING_PASSWORD_PROD": "p",
        "MLFLOW_GITOPS_TEAMS_TOKEN": "g",
        "GITHUB_TOKEN": "h",
        "DATABRICKS_TOKEN": "d",
        "ACTIONS_RUNTIME_TOKEN": "a",
    }
    for name, value in {**withheld, "KUBECONFIG": "/kube"}.items():
        monkeypatch.setenv(name, value)
    code = (
        "import json, os, sys\n"
        "json.dump([sys.stdin.read(), dict(os.environ)], open(sys.argv[1], 'w'))"
    )
    out = tmp_path / "out.json"
    assert python(code, str(out)).run("text ünïcode\n") is None
    text, variables = json.loads(out.read_text())
    assert text == "text ünïcode\n" and variables["KUBECONFIG"] == "/kube"
    assert not withheld.keys() & variables.keys()


@pytest.mark.parametrize("text", ["$(touch made)", "; touch made", "`touch made`", "| touch made"])
def test_no_shell_reads_it(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    GivenCommand.parse("--on-change", f"cat {text}").run(text)
    assert GivenCommand.parse("--on-change", "cat").run(text) is None
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import sys; print('first'); sys.exit('it is wrong')", "exit code 1: it is wrong"),
        ("import sys; sys.exit(7)", "exit code 7"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "exit code -9"),
        ("print('x' * 9_000_000); raise SystemExit(3)", "exit code 3: " + "x" * 3999),
    ],
)
def test_its_failure_has_a_reason(code: str, reason: str) -> None:
    assert python(code).run("x" * 1_000_000) == reason


def test_a_command_that_prints_without_end_does_not_fill_the_disk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(given_command, "_MOST_PRINTED", 1_000)
    monkeypatch.setattr(given_command, "_TAIL_BYTES", 500)
    code = """
import os, sys, time
for number in range(6_000):
    os.write(1, b"x" * 1_000 + b"\\n")
    if os.fstat(1).st_size < number * 1_000:
        sys.exit("it was cut")
    time.sleep(0.01)
"""
    assert python(code).run("") == "exit code 1: it was cut"


def test_a_secret_in_what_it_prints_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOY_PASSWORD", "correct-horse-battery")
    reason = python("import os, sys; sys.exit('as ' + os.environ['DEPLOY_PASSWORD'])").run("")
    assert reason == "exit code 1: as ***"


def test_a_command_that_does_not_end_is_ended_with_its_children(tmp_path: Path) -> None:
    code = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open(sys.argv[1], "w").write(str(child.pid))
time.sleep(600)
"""
    pid = tmp_path / "pid"
    reason = python(code, str(pid), seconds=3).run("")
    assert reason == "it did not end within 3 seconds"
    if not pid.exists():  # a very slow machine
        return
    end = time.monotonic() + 30
    while _is_alive(int(pid.read_text())):
        assert time.monotonic() < end
        time.sleep(0.05)


def _is_alive(pid: int) -> bool:
    """Whether a process runs; one that ended and that nobody waited for does not."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("text", ["", "no-such-program x", "'unbalanced", "./missing"])
def test_what_is_no_command_is_refused_at_once(text: str) -> None:
    with pytest.raises(UsageFailure, match="--on-change"):
        GivenCommand.parse("--on-change", text)
