"""The loop while a registry, a remote or a file is missing."""

from __future__ import annotations

import errno
import threading
from pathlib import Path

import pytest

from mlflow_gitops.app.planning.options import PlanOptions
from mlflow_gitops.app.reconciling.news import News
from mlflow_gitops.app.reconciling.watch import Watcher
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.edges.mlflow.registry import Registry
from mlflow_gitops.edges.system.metrics.loop import Metrics
from mlflow_gitops.errors import InvalidFiles, RegistryFailure, UsageFailure
from mlflow_gitops.settings import Settings
from tests.support.registries.lane import LaneRegistry
from tests.support.team import Team
from tests.support.watch.rounds import Rounds, eventually, push


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
