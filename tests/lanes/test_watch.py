"""`reconcile --watch`: the loop, in a process of its own and round by round (RULES R8)."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlflow_gitops.app.planning.options import PlanOptions
from mlflow_gitops.app.reconciling.news import News
from mlflow_gitops.app.reconciling.resting import backoff
from mlflow_gitops.app.reconciling.watch import Watcher
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.watch import StopSignal
from mlflow_gitops.edges.mlflow.registry import Registry
from mlflow_gitops.edges.system.metrics import Metrics, Round, serve
from mlflow_gitops.errors import InvalidFiles, RegistryFailure, UsageFailure
from mlflow_gitops.settings import Patience, Settings
from tests.support.receipts import receipts_in
from tests.support.registries.lane import LaneRegistry
from tests.support.servers import free_port
from tests.support.team import GIT_ENVIRONMENT, Team

POLICY = "stages: {Staging: {alias: staging}, Production: {alias: production}}\n"


@pytest.fixture
def uri(tmp_path: Path, blank_registry: Callable[[Path], str]) -> str:
    return blank_registry(tmp_path / "mlflow.db")


@pytest.fixture
def team(tmp_path: Path, uri: str) -> Team:
    """A clone that people push from; the watcher's clone fetches from the same bare repository."""
    made = Team(tmp_path / "people", uri)
    made.write("policy.yaml", POLICY)
    made.commit("Rules")
    made.git("clone", "-q", "--bare", str(made.folder), str(tmp_path / "bare.git"))
    made.git("remote", "add", "origin", str(tmp_path / "bare.git"))
    return made


@pytest.fixture
def watcher_clone(team: Team, tmp_path: Path) -> Team:
    team.git("clone", "-q", str(tmp_path / "bare.git"), str(tmp_path / "watcher"))
    clone = Team.__new__(Team)
    clone.folder, clone.uri = tmp_path / "watcher", team.uri
    return clone


def push(team: Team, message: str = "Change", **models: str) -> str:
    sha = team.commit(message, **models)
    team.git("push", "-q", "origin", "main")
    return sha


def eventually(holds: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.1)


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
    finally:
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    told = [json.loads(line) for line in out.splitlines()]
    assert [one["commit"] for one in told[:2]] == [first, second]
    assert all(one["models"] for one in told), "rounds without news tell nothing"
    assert team.git("ls-remote", "origin", "mlflow-gitops/receipts"), "receipts were pushed"


class Rounds:
    """Runs a watcher for so many rounds at a time, without any pause between them."""

    def __init__(self, clone: Team) -> None:
        self.clock = 0.0
        self.waits: list[float] = []
        """The seconds that were to pass after each round."""
        self.metrics = Metrics(60)
        self._clone = clone
        self._left = 0
        self._news: list[News] = []
        self._watcher: Watcher | None = None

    def __call__(self, count: int = 1, connect: Callable[[], Any] | None = None) -> list[News]:
        """The news of the next rounds. `connect` is used by the first call."""
        if self._watcher is None:
            self._watcher = Watcher(
                self._workspace,
                connect or (lambda: Registry(self._clone.uri)),
                self.metrics,
                self._news.append,
                self,
                interval=1,
                plan_options=PlanOptions(),
                clock=lambda: self.clock,
            )
        self._left = count
        self._news.clear()
        self._watcher.run()
        return list(self._news)

    def is_set(self) -> bool:
        return self._left <= 0

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self._left -= 1

    def _workspace(self) -> Workspace:
        return Workspace(
            Settings(
                repo=self._clone.folder,
                tracking_uri=self._clone.uri,
                patience=Patience(write_pauses=()),
            )
        )


@pytest.fixture
def rounds(watcher_clone: Team, monkeypatch: pytest.MonkeyPatch) -> Rounds:
    for key, value in {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}.items():
        monkeypatch.setenv(key, value)
    return Rounds(watcher_clone)


def test_a_refusal_is_told_once_and_its_end_too(
    team: Team, shelf: LaneRegistry, rounds: Rounds
) -> None:
    name, other = shelf.model(2), shelf.model(1, "other")
    push(team, "First", **{name: "stages: {Production: 1}\n", other: "stages: {Staging: 1}\n"})
    [news] = rounds(3)
    assert {outcome.model: outcome.result for outcome in news.outcomes} == {
        name: "applied",
        other: "applied",
    }
    push(team, "Wrong", **{name: "stages: {Production: 9}\n"})
    [news] = rounds(4)
    [outcome] = news.outcomes
    assert (outcome.model, outcome.result) == (name, "refused") and not rounds(2)
    push(team, "Another wrong one", **{name: "stages: {Production: 8}\n"})
    [news] = rounds(3)
    assert "no version 8" in news.outcomes[0].refusals[0].detail
    push(team, "Right again", **{name: "stages: {Production: 1}\n"})
    [news] = rounds(3)
    assert [(o.model, o.result) for o in news.outcomes] == [(name, "applied")] and not rounds(2)


def test_a_model_that_fails_rests_alone_until_its_time_or_a_new_commit(
    team: Team,
    watcher_clone: Team,
    shelf: LaneRegistry,
    rounds: Rounds,
) -> None:
    ill, well = shelf.model(2, "ill"), shelf.model(2, "well")
    path = team.uri.removeprefix("sqlite:///")
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute(
            f"CREATE TRIGGER ill BEFORE UPDATE ON model_versions WHEN NEW.name = '{ill}' "
            "BEGIN SELECT RAISE(ABORT, 'the disk is ill'); END"
        )
    tried = []

    class Noting(Registry):
        def transition(self, name: str, version: int, stage: str) -> None:
            tried.append(name)
            super().transition(name, version, stage)

    push(team, "First", **{ill: "stages: {Production: 1}\n", well: "stages: {Production: 1}\n"})
    [news] = rounds(1, lambda: Noting(team.uri))
    assert {o.model: o.result for o in news.outcomes} == {ill: "failed", well: "applied"}
    count = len(receipts_in(watcher_clone.folder))
    shelf.client.transition_model_version_stage(well, "1", "Archived")
    [news] = rounds(2)
    assert [(o.model, o.result) for o in news.outcomes] == [(well, "applied")], (
        "it keeps no other waiting"
    )
    assert tried.count(ill) == 1
    assert len(receipts_in(watcher_clone.folder)) == count + 1

    rounds.clock += backoff(1, 1)
    assert not rounds(2) and tried.count(ill) == 2, (
        "its time has come once, and told it nothing new"
    )
    rounds.clock += backoff(1, 1)
    assert not rounds(2) and tried.count(ill) == 2, "longer, the second time"
    push(team, "Elsewhere", **{well: "stages: {Production: 2}\n"})
    [news] = rounds(2)
    assert [(o.model, o.result) for o in news.outcomes] == [(well, "applied")] and tried.count(
        ill
    ) == 3
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("DROP TRIGGER ill")
    assert not rounds(2)
    rounds.clock += backoff(1, 1)
    [news] = rounds(2)
    assert [(o.model, o.result) for o in news.outcomes] == [(ill, "applied")]


def test_an_invalid_manifest_stops_its_model_alone(
    team: Team, shelf: LaneRegistry, rounds: Rounds
) -> None:
    ill, well = shelf.model(2, "ill"), shelf.model(2, "well")
    push(team, **{ill: "stages: {Production: 1}\n", well: "stages: {Production: 1}\n"})
    rounds()
    push(team, **{ill: "stages: {Production: 2}\noops: 1\n", well: "stages: {Production: 2}\n"})
    shelf.client.transition_model_version_stage(ill, "1", "Archived")
    invalid, applied = rounds(3)
    assert [error.code for error in invalid.invalid] == ["unknown-field"]
    assert {outcome.model for outcome in applied.outcomes} == {ill, well}
    assert shelf.stages(ill)[1] == "Production" and shelf.stages(well)[2] == "Production"

    shelf.client.transition_model_version_stage(ill, "1", "Archived")
    [healed] = rounds(3)
    assert [outcome.model for outcome in healed.outcomes] == [ill]


def test_an_invalid_commit_is_told_once_and_ends_nothing(
    team: Team,
    shelf: LaneRegistry,
    rounds: Rounds,
) -> None:
    name = shelf.model(1)
    push(team, "Invalid", **{name: "stages: [\n"})
    [news] = rounds(3)
    assert [error.code for error in news.invalid] == ["yaml-syntax"]
    for wrong in ("Produktion", "Prod"):
        push(team, "Invalid in another way", **{name: f"stages: {{{wrong}: 1}}\n"})
        [news] = rounds(3)
        assert wrong in news.invalid[0].message
    team.git("rm", "-rq", "registry")
    push(team, "No folder at all")
    [news] = rounds(3)
    assert "no registry/ folder" in str(news.failure)
    assert max(rounds.waits) <= 1.1, (
        "nothing is away that would have to be spared: the commit that corrects it may come at once"
    )
    push(team, "Corrected", **{name: "stages: {Production: 1}\n"})
    [news] = rounds(2)
    assert news.outcomes[0].result == "applied"


def test_the_metrics_are_of_now(
    team: Team, shelf: LaneRegistry, rounds: Rounds, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, figure = shelf.model(2), rounds.metrics.registry.get_sample_value
    push(team, "First", **{name: "stages: {Production: 2}\n"})
    rounds(2)
    synced = {"model": name, "state": "Synced"}
    assert figure("mlflow_gitops_model_sync", synced) == 1
    assert figure("mlflow_gitops_main_invalid") == 0

    shelf.client.transition_model_version_stage(name, "1", "Production")
    [news] = rounds(1)
    assert figure("mlflow_gitops_model_sync", synced) is None
    assert figure("mlflow_gitops_model_sync", {"model": name, "state": "Drifted"}) == 1
    assert figure("mlflow_gitops_drift_found_total", {"kind": "stage"}) == 1
    assert figure("mlflow_gitops_drift_healed_total", {"kind": "stage"}) == 1
    assert [change.cause for change in news.outcomes[0].changes] == ["drift"]

    def fail(*_: Any, **__: Any) -> Any:
        raise errors.pop()

    errors = [KeyError("a bug of ours"), RegistryFailure("MLflow does not answer.")]
    monkeypatch.setattr(Registry, "observe", fail)
    for failure in ("MLflow does not answer.", "Unexpected KeyError"):
        [news] = rounds(1)
        assert failure in str(news.failure)
        assert figure("mlflow_gitops_models", {"sync": "Synced"}) is None
        assert figure("mlflow_gitops_model_sync", synced) is None
        assert str(figure("mlflow_gitops_refused_models")) == "nan"
    assert figure("mlflow_gitops_failures_total", {"where": "internal"}) == 1
    monkeypatch.undo()
    rounds(1)
    assert figure("mlflow_gitops_model_sync", synced) == 1


def test_the_loop_makes_no_deleted_model_again(
    team: Team, shelf: LaneRegistry, rounds: Rounds
) -> None:
    """Also one that this very loop created, whose receipt is younger than the loop."""
    name = f"{shelf.model(1)}-new"
    pins = 'versions: {1: {source: "s3://models/1"}}\n'
    push(team, "First", **{name: f"stages: {{}}\n{pins}aliases: {{champion: 1}}\n"})
    rounds(2)
    shelf.client.delete_registered_model(name)
    [news] = rounds(3)
    [outcome] = news.outcomes
    assert [refusal.code for refusal in outcome.refusals] == ["deleted"]
    assert not outcome.changes and not shelf.versions(name)
    refused = rounds.metrics.registry.get_sample_value(
        "mlflow_gitops_refusals", {"code": "deleted"}
    )
    assert refused == 1


def test_a_registry_that_is_away_is_told_once_and_found_again(
    team: Team, shelf: LaneRegistry, rounds: Rounds
) -> None:
    name, away = shelf.model(1), [True]
    push(team, "First", **{name: "stages: {Production: 1}\n"})

    def connect() -> Registry:
        if away[0]:
            raise RegistryFailure("MLflow does not answer.", transient=True)
        return Registry(team.uri)

    [news] = rounds(3, connect)
    assert news.failure == "MLflow does not answer."
    away[0] = False
    [news] = rounds(2)
    assert news.outcomes[0].result == "applied"


def test_a_remote_that_is_away_keeps_nobody_from_healing(
    team: Team,
    watcher_clone: Team,
    shelf: LaneRegistry,
    rounds: Rounds,
    tmp_path: Path,
) -> None:
    name = shelf.model(1)
    push(team, "First", **{name: "stages: {Production: 1}\n"})
    rounds(1)
    (tmp_path / "bare.git").rename(tmp_path / "moved.git")
    shelf.client.transition_model_version_stage(name, "1", "Archived")
    told = rounds(3)
    assert (
        "git fetch failed" in str(told[0].failure)
        and len([one for one in told if one.failure]) == 1
    )
    assert shelf.stages(name) == {1: "Production"}
    (tmp_path / "moved.git").rename(tmp_path / "bare.git")
    assert not [one for one in rounds(1) if one.failure]


def test_a_remote_that_stalls_does_not_keep_it_from_stopping(
    team: Team,
    watcher_clone: Team,
    shelf: LaneRegistry,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    name, stop, asked = shelf.model(1), threading.Event(), tmp_path / "asked"
    push(team, "First", **{name: "stages: {Production: 1}\n"})
    watcher_clone.git("pull", "-q")
    watcher_clone.git("remote", "set-url", "origin", "ssh://nowhere.invalid/repo")
    monkeypatch.setenv("GIT_SSH_VARIANT", "simple")
    monkeypatch.setenv("GIT_SSH_COMMAND", f"touch {asked}; exec sleep 60; #")
    told: list[News] = []
    metrics = Metrics(60)
    watcher = Watcher(
        lambda: Workspace(Settings(repo=watcher_clone.folder)), lambda: Registry(team.uri), metrics,
        told.append, stop,
        interval=60, plan_options=PlanOptions(),
    )  # fmt: skip
    loop = threading.Thread(target=watcher.run, daemon=True)
    loop.start()
    eventually(asked.exists)
    stop.set()
    loop.join(30)
    assert not loop.is_alive() and told == [] and shelf.stages(name) == {1: "None"}


@pytest.mark.parametrize(
    ("failure", "where"),
    [
        (UsageFailure("There is no folder."), "git"),
        (InvalidFiles("environments.yaml"), "files"),
        (RegistryFailure("MLflow"), "mlflow"),
        (OSError(errno.EMFILE, "Too many open files"), "machine"),
    ],
)
def test_the_figures_say_where_it_failed(failure: Exception, where: str) -> None:
    metrics, stop = Metrics(60), threading.Event()

    def workspace() -> Workspace:
        stop.set()
        raise failure

    Watcher(
        workspace,
        lambda: pytest.fail("not asked"),
        metrics,
        lambda news: None,
        stop,
        interval=1,
        plan_options=PlanOptions(),
    ).run()
    known = metrics.registry.get_sample_value
    assert known("mlflow_gitops_failures_total", {"where": where}) == 1.0


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


def test_a_connection_that_says_nothing_keeps_nobody_waiting() -> None:
    server = serve(Metrics(60), "127.0.0.1", 0)
    port = server.server_port
    with server, socket.create_connection(("127.0.0.1", port)):
        time.sleep(0.1)
        try:
            assert (
                urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=10).status == 200
            )
        finally:
            ended = threading.Thread(target=server.shutdown, daemon=True)
            ended.start()
            ended.join(10)
        assert not ended.is_alive(), "nor does it keep the process from ending"


def test_a_clock_that_is_set_makes_nothing_well_or_ill(monkeypatch: pytest.MonkeyPatch) -> None:
    now, passed, clock = time.time(), [0.0], [0.0]
    monkeypatch.setattr(time, "time", lambda: now + clock[0])
    monkeypatch.setattr(time, "monotonic", lambda: 1000 + passed[0])
    metrics = Metrics(60)
    metrics.record_round(Round("sha", {}), 1.0)
    clock[0] = 3600.0
    assert metrics.healthy
    clock[0], passed[0] = -3600.0, 61.0
    assert not metrics.healthy and b'"ok": false' in metrics.health()
    metrics.record_round(Round("sha", {}), 1.0)
    assert metrics.healthy


@pytest.mark.parametrize("ill", [{"failed": 1}, {"resting": 1}])
def test_a_model_that_fails_makes_the_process_no_less_healthy(ill: dict[str, int]) -> None:
    metrics = Metrics(60)
    known = metrics.registry.get_sample_value
    metrics.record_round(Round("sha", {}, **ill), 1.0)
    assert metrics.healthy and known("mlflow_gitops_failing_models") == 1
    assert not known("mlflow_gitops_last_success_timestamp_seconds")
    assert known("mlflow_gitops_failures_total", {"where": "model"}) == ill.get("failed", 0)
    metrics.record_round(Round("sha", {}), 1.0)
    assert known("mlflow_gitops_failing_models") == 0 and known(
        "mlflow_gitops_last_success_timestamp_seconds"
    )


def test_an_address_of_the_sixth_version() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    server = serve(Metrics(60), "::1", 0)
    with server:
        assert (
            urllib.request.urlopen(f"http://[::1]:{server.server_port}/healthz", timeout=10).status
            == 200
        )
        server.shutdown()


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


def test_it_asks_nobody(team: Team) -> None:
    ran = team.run("reconcile", "--watch")
    assert ran.code == 64 and "add --yes" in ran.err


@pytest.mark.real
def test_memory_stays_flat(team: Team, shelf: LaneRegistry, rounds: Rounds) -> None:
    """Rounds with drift to heal in every tenth; `MLFLOW_GITOPS_TEST_ROUNDS` makes them more."""
    count = int(os.environ.get("MLFLOW_GITOPS_TEST_ROUNDS", "150"))
    name = shelf.model(2)
    push(team, "First", **{name: "stages: {Production: 1}\n"})

    def peak() -> int:
        """Kilobytes on Linux."""
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    rounds(30)
    course = {0: peak()}
    for done in range(10, count + 1, 10):
        shelf.client.transition_model_version_stage(name, "1", "Archived")
        rounds(10)
        course[done] = peak()
    assert shelf.stages(name)[1] == "Production"
    shown = {
        done: f"{kilobytes / 1024:.1f} MB" for done, kilobytes in course.items() if done % 100 == 0
    }
    print(f"the largest it was, after so many rounds: {shown}")
    assert course[count // 10 * 10] - course[0] < 24 * 1024, shown
