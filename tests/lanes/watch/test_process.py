"""`reconcile --watch` in a process of its own: its options, its signals, its limits."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from mlflow_gitops.commands.stop_signal import StopSignal
from tests.support.registries.lane import LaneRegistry
from tests.support.servers import free_port
from tests.support.team import GIT_ENVIRONMENT, Team
from tests.support.watch.rounds import eventually, push


def get(address: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(address, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_it_applies_heals_tells_of_itself_and_stops_when_asked(
    team: Team, watcher_clone: Team, shelf: LaneRegistry, tmp_path: Path
) -> None:
    name, port = shelf.model(3), free_port()
    first = push(team, "First", **{name: "stages: {Production: 1}\n"})
    address = f"http://127.0.0.1:{port}"
    options = (
        "--watch",
        "--interval",
        "1s",
        "--listen",
        f"127.0.0.1:{port}",
        "--push-receipts",
        "--format",
        "json",
    )
    process = watcher_clone.spawn("reconcile", "--yes", *options)
    try:
        eventually(lambda: shelf.aliases(name) == {"production": 1})
        second = push(team, "Promote", **{name: "stages: {Production: 2}\n"})
        eventually(lambda: shelf.tags(name).get("gitops.commit") == second)
        shelf.client.transition_model_version_stage(name, "2", "Archived")
        eventually(lambda: shelf.stages(name) == {1: "Archived", 2: "Production", 3: "None"})
        status, health = get(f"{address}/healthz")
        assert status == 200 and json.loads(health)["commit"] == second
        figures = get(f"{address}/metrics")[1]
        assert f'mlflow_gitops_commit_info{{commit="{second}"}} 1.0' in figures
        assert 'mlflow_gitops_failures_total{where="mlflow"} 0.0' in figures
        assert (
            'mlflow_gitops_models{sync="Synced"}' in figures
            and "mlflow_gitops_round_seconds_bucket" in figures
        )
        assert get(f"{address}/elsewhere")[0] == 404
        status, index = get(f"{address}/")
        assert status == 200 and name in index and "when the last round began" in index
    finally:
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    told = [json.loads(line) for line in out.splitlines()]
    assert [one["commit"] for one in told[:2]] == [first, second]
    assert all(one["models"] for one in told), "rounds without news tell nothing"
    assert team.git("ls-remote", "origin", "mlflow-gitops/receipts"), "receipts were pushed"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--interval", "soon"), "is not a duration"),
        (("--interval", "0s"), "is not a duration"),
        (("--interval", "99999d99999d"), "is not a duration"),
        (("--listen", "nowhere"), "is not an address"),
        (("--rev", "HEAD~1"), "follows the main branch"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(
    team: Team, options: tuple[str, ...], said: str
) -> None:
    ran = team.run("reconcile", "--yes", "--watch", *options)
    assert ran.code == 64 and said in ran.err


def test_a_short_secret_for_webhooks_is_a_usage_error(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_GITOPS_WEBHOOK_SECRET", "tooshort")
    ran = team.run("reconcile", "--yes", "--watch")
    assert ran.code == 64 and "openssl rand -hex 32" in ran.err and "tooshort" not in ran.err


def test_it_asks_nobody(team: Team) -> None:
    ran = team.run("reconcile", "--watch")
    assert ran.code == 64 and "add --yes" in ran.err


def test_being_told_to_stop_waits_for_nothing() -> None:
    told = StopSignal()
    signal_again = signal.signal(signal.SIGUSR1, lambda *_: told.set())
    try:
        began = time.monotonic()
        killer = threading.Thread(
            target=lambda: [os.kill(os.getpid(), signal.SIGUSR1) for _ in range(300)]
        )
        killer.start()
        while not told.is_set():
            told.wait(60)
        killer.join()
        told.wait(60)
        assert time.monotonic() - began < 30
    finally:
        signal.signal(signal.SIGUSR1, signal_again)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is full")
def test_a_log_that_is_full_ends_nothing(
    team: Team, watcher_clone: Team, shelf: LaneRegistry
) -> None:
    name = shelf.model(2)
    push(team, "First", **{name: "stages: {Production: 1}\n"})
    command = [
        sys.executable,
        "-m",
        "mlflow_gitops",
        "--repo",
        str(watcher_clone.folder),
        "--tracking-uri",
        team.uri,
    ]
    options = ["reconcile", "--yes", "--watch", "--interval", "1s", "--listen", "off"]
    with open("/dev/full", "w", encoding="utf-8") as full:
        process = subprocess.Popen(
            [*command, *options], env=os.environ | GIT_ENVIRONMENT, stdout=full, stderr=full
        )
    try:
        eventually(lambda: shelf.stages(name)[1] == "Production")
        second = push(team, "Second", **{name: "stages: {Production: 2}\n"})
        eventually(lambda: shelf.tags(name).get("gitops.commit") == second)
    finally:
        process.send_signal(signal.SIGTERM)
    assert process.wait(60) in (0, 1), "what could not be written shows in its exit code alone"


@pytest.mark.skipif(
    not hasattr(resource, "prlimit"), reason="only Linux sets another process's limits"
)
def test_a_machine_that_is_short_of_something_for_a_while_ends_nothing(
    team: Team, watcher_clone: Team, shelf: LaneRegistry
) -> None:
    name = shelf.model(2)
    push(team, "First", **{name: "stages: {Production: 1}\n"})
    options = ("--watch", "--interval", "1s", "--listen", "off", "--format", "json")
    process, told = watcher_clone.spawn("reconcile", "--yes", *options), list[str]()
    reader = threading.Thread(
        target=lambda: [told.append(line) for line in process.stdout or ()], daemon=True
    )
    reader.start()
    try:
        eventually(lambda: shelf.stages(name)[1] == "Production")
        before = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (6, before[1]))
        second = push(team, "Second", **{name: "stages: {Production: 2}\n"})
        eventually(lambda: any("Too many open files" in line for line in told))
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, before)
        eventually(lambda: shelf.tags(name).get("gitops.commit") == second)
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0
        reader.join()
    assert process.stderr is not None and "Traceback" not in process.stderr.read()
