"""Work spread over processes is the work of `map`, whatever becomes of the processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mlflow_gitops.core.manifests.registry_folder import RegistryFolder
from mlflow_gitops.core.manifests.snapshot import SourceFile, build
from mlflow_gitops.edges.system import processes
from mlflow_gitops.edges.system.processes import parallel_map

MANY = processes.FORK_FROM + 1
_HERE = os.getpid()

forks = pytest.mark.skipif(sys.platform != "linux", reason="only Linux forks")


@pytest.fixture(autouse=True)
def three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_processors", lambda: 3)


def where(item: int) -> tuple[int, int]:
    return item, os.getpid()


def dies_elsewhere(item: int) -> int:
    if os.getpid() != _HERE:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


@forks
def test_in_order_and_by_several_processes() -> None:
    """In a process of its own: other tests may have left threads here, beside which no copy is
    made."""
    code = """
from mlflow_gitops.edges.system import processes
from tests.edges.system.test_processes import MANY, where
processes._processors = lambda: 3
done = list(processes.parallel_map(where, range(MANY)))
assert [item for item, _ in done] == list(range(MANY))
print(len({process for _, process in done}))
"""
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[3]
    )
    assert ran.stdout.strip() == "3", ran.stderr


def test_few_items_start_no_process() -> None:
    assert {process for _, process in parallel_map(where, range(MANY - 2))} == {os.getpid()}


def test_one_processor_starts_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_processors", lambda: 1)
    assert {process for _, process in parallel_map(where, range(MANY))} == {os.getpid()}


def test_no_copy_is_made_beside_other_threads() -> None:
    """A lock that another thread holds at that moment would stay locked in the copy."""
    free = threading.Event()
    other = threading.Thread(target=free.wait)
    other.start()
    try:
        assert {process for _, process in parallel_map(where, range(MANY))} == {os.getpid()}
    finally:
        free.set()
        other.join()


@forks
def test_what_a_process_leaves_undone_is_done_here() -> None:
    assert list(parallel_map(dies_elsewhere, range(MANY))) == list(range(MANY))


def test_where_no_process_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise BlockingIOError("Resource temporarily unavailable")

    monkeypatch.setattr("multiprocessing.process.BaseProcess.start", refused)
    assert list(parallel_map(abs, range(MANY))) == list(range(MANY))


def test_a_new_python_does_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on macOS and Windows, where nothing is inherited."""
    monkeypatch.setattr(processes, "_processors", lambda: 2)
    monkeypatch.setattr(processes, "SPAWN_FROM", 4)
    monkeypatch.setattr(processes.sys, "platform", "darwin")
    manifests = [
        SourceFile(f"registry/models/m{i}.yaml", f"name: m{i}\nstages: {{}}\n".encode())
        for i in range(4)
    ]
    assert build(manifests, RegistryFolder("registry"), parallel_map) == build(
        manifests, RegistryFolder("registry")
    )


@forks
def test_a_snapshot_is_the_same_by_several_processes() -> None:
    # Two exceptions that are right by themselves, and wrong where they meet.
    policy = """\
models:
- {match: "m1*", stages: {Canary: {native: false, alias: next}}}
- {match: "*7", stages: {Staging: {alias: next}}}
"""
    files = [SourceFile("registry/policy.yaml", policy.encode())]
    for i in range(MANY):
        stage = "Prod" if i % 50 == 0 else "Production"
        name = f"other{i}" if i % 70 == 0 else f"m{i}"
        files.append(
            SourceFile(
                f"registry/models/m{i}.yaml", f"name: {name}\nstages: {{{stage}: 3}}\n".encode()
            )
        )
    files += [
        SourceFile("registry/models/x/m5.yaml", b"name: m5\nstages: {"),
        SourceFile("registry/models/l.yaml", None, "no"),
    ]
    one, many = (
        build(files, RegistryFolder("registry")),
        build(files, RegistryFolder("registry"), parallel_map),
    )
    assert one == many
    codes = {problem.code for problem in one.problems}
    assert codes == {
        "alias-clash",
        "file-name",
        "stage-unknown",
        "yaml-syntax",
        "duplicate-model",
        "not-a-file",
    }
