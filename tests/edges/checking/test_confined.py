"""What a program that is not trusted gets, and what is left of it afterwards."""

from __future__ import annotations

import ctypes
import json
import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from mlflow_gitops.edges.checking.confined import EndedRun, Limits, run_confined
from mlflow_gitops.errors import Failure

ROOM = Limits(60, 4 << 30)
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone shows and limits this")


def run(folder: Path, code: str, limits: Limits = ROOM) -> EndedRun:
    program = folder / "program.py"
    program.write_text(f"import os, sys, time\nresult = int(sys.argv[1])\n{code}\n")
    return run_confined([sys.executable, "-I", program, "RESULT"], folder, limits)


def test_it_gets_no_variable_that_is_not_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (
        "MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_PASSWORD", "GITHUB_TOKEN", "GH_TOKEN",
        "AWS_SECRET_ACCESS_KEY", "ACTIONS_RUNTIME_TOKEN", "DATABRICKS_TOKEN", "OF_ANY_NAME",
    ):  # fmt: skip
        monkeypatch.setenv(name, "a-secret")
    monkeypatch.setenv("HTTPS_PROXY", "http://me:a-secret@proxy.example")
    monkeypatch.setenv("UV_FIND_LINKS", "https://me:a-secret@wheels.example")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example")
    ended = run(tmp_path, "import json; os.write(result, json.dumps(dict(os.environ)).encode())")
    variables = json.loads(ended.result)
    assert ended.fault is None and "a-secret" not in ended.result.decode()
    assert variables["HTTP_PROXY"] == "http://proxy.example"
    assert variables["HOME"] == variables["TMPDIR"] == str(tmp_path)


def test_a_folder_of_wheels_is_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    passed = {"UV_FIND_LINKS": "/srv/wheels", "UV_NO_INDEX": "1", "PIP_FIND_LINKS": "/srv/wheels"}
    for name, value in passed.items():
        monkeypatch.setenv(name, value)
    ended = run(tmp_path, "import json; os.write(result, json.dumps(dict(os.environ)).encode())")
    assert passed.items() <= json.loads(ended.result).items()


@LINUX
@pytest.mark.skipif(os.getuid() == 0, reason="root reads everything")
def test_it_cannot_read_the_variables_of_this_process(tmp_path: Path) -> None:
    ended = run(tmp_path, "open(f'/proc/{os.getppid()}/environ').read()")
    assert ended.fault is not None and "PermissionError" in ended.last_line


@LINUX
def test_it_cannot_gain_rights(tmp_path: Path) -> None:
    ended = run(tmp_path, "os.write(result, open('/proc/self/status', 'rb').read())")
    assert "NoNewPrivs:\t1" in ended.result.decode()


@LINUX
def test_nothing_runs_if_linux_does_not_guard_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: SimpleNamespace(prctl=lambda *values: -1))
    with pytest.raises(Failure, match="prctl"):
        run(tmp_path, f"open({str(tmp_path / 'ran')!r}, 'w')")
    assert not (tmp_path / "ran").exists()


@LINUX
@pytest.mark.parametrize("way", ["os.setsid()", "os.setpgid(0, 0)", "pass"])
def test_nothing_that_it_started_is_left(tmp_path: Path, way: str) -> None:
    code = f"""
for _ in range(2):
    if os.fork() == 0:
        {way}
        if os.fork() == 0:
            open(f"{tmp_path}/{{os.getpid()}}.pid", "w").close()
            time.sleep(600)
        os._exit(0)
while len([name for name in os.listdir("{tmp_path}") if name.endswith(".pid")]) < 2:
    time.sleep(0.01)
"""
    assert run(tmp_path, code).fault is None
    pids = [int(file.stem) for file in tmp_path.glob("*.pid")]
    assert len(pids) == 2
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def test_a_program_that_does_not_end_is_ended(tmp_path: Path) -> None:
    began = time.monotonic()
    ended = run(tmp_path, "import signal; signal.signal(15, signal.SIG_IGN); time.sleep(600)",
                Limits(0.5, 4 << 30))  # fmt: skip
    assert ended.fault == "it did not end within 0.5 seconds" and time.monotonic() - began < 60


@LINUX
@pytest.mark.parametrize(
    "code",
    [
        "x = bytearray(1 << 30); time.sleep(60)",
        "for _ in range(4):\n    if not os.fork():\n        break\n"
        "x = bytearray(b'x' * (90 << 20)); time.sleep(60)",
    ],
    ids=["one process", "several together"],
)
def test_memory_is_limited(tmp_path: Path, code: str) -> None:
    ended = run(tmp_path, code, Limits(50, 250 << 20))
    assert ended.fault is not None
    assert "MemoryError" in ended.last_line or "more than 250 MiB" in ended.fault


def test_what_it_printed_last_is_told_without_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_TOKEN", "a-secret-token")
    ended = run(tmp_path, "print('x'); print('it was a-secret-token'); sys.exit(3)")
    assert ended.fault == "exit code 3" and ended.last_line == "it was ***"


def test_a_result_is_read_from_no_path(tmp_path: Path) -> None:
    """The program may put a link wherever it likes."""
    ended = run(tmp_path, "os.write(result, b'mine'); os.symlink('/etc/passwd', 'result.json')")
    assert ended.result == b"mine"
