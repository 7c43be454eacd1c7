"""The script's process: it starts and ends quicker than Python alone would let it."""

from __future__ import annotations

import subprocess
import sys

from mlflow_gitops.errors import USAGE

RUN = """
import atexit, gc, sys, threading
from mlflow_gitops.__main__ import entry
{first}
atexit.register(lambda: print("at exit", gc.get_threshold()[0]))
sys.argv = ["mlflow-gitops", *{arguments!r}]
entry()
"""


def run(*arguments: str, first: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", RUN.format(first=first, arguments=arguments)],
        capture_output=True, text=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_what_libraries_do_at_exit_is_done() -> None:
    ended = run("--version")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1] == "at exit 200000"


def test_the_exit_code_is_the_command_s() -> None:
    ended = run("no-such-command")
    assert (ended.returncode, ended.stdout) == (USAGE, "at exit 200000\n")
    assert "No such command" in ended.stderr


def test_a_thread_that_waits_is_left_behind() -> None:
    ended = run("--version", first="threading.Thread(target=threading.Event().wait).start()")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("mlflow-gitops ")
