"""Health in the rounds of the loop: when it is looked at, and what is reported."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from mlflow_gitops.app.planning.target import Target
from mlflow_gitops.app.reconciling.news import News
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands import way_back
from mlflow_gitops.commands.health_rounds import PERIOD, HealthRounds
from mlflow_gitops.commands.way_back import WayBackRun
from mlflow_gitops.core.manifests.registry_folder import RegistryFolder
from mlflow_gitops.core.manifests.snapshot import SourceFile, build
from mlflow_gitops.errors import Failure, ForgeFailure
from mlflow_gitops.render.way_back import WayBackOutcome
from mlflow_gitops.settings import Settings
from tests.support.health.ward import POLICY


def target(policy: str = POLICY) -> Target:
    files = {
        "registry/policy.yaml": policy,
        "registry/models/churn.yaml": "name: churn\nstages: {}",
    }
    sources = [SourceFile(path, text.encode()) for path, text in files.items()]
    snapshot = build(sources, RegistryFolder("registry"))
    assert not snapshot.errors
    return cast("Target", SimpleNamespace(snapshot=snapshot, commit="a" * 40))


class Loop:
    """Rounds, each a second after the one before; `answers` are what looking comes to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers: list[Any] = []
        self.news: list[News] = []
        self.failures: list[str] = []
        self.time = 0.0
        metrics: Any = SimpleNamespace(record_failure=self.failures.append)
        workspace = cast("Workspace", SimpleNamespace(settings=Settings()))
        self.rounds = HealthRounds(lambda: workspace, metrics, self.news.append, lambda: self.time)
        monkeypatch.setattr(way_back, "look", self._look)

    def _look(self, workspace: Workspace) -> WayBackRun:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return cast("WayBackRun", answer)

    def __call__(self, passed: float = PERIOD, of: Target | None = None) -> list[News]:
        self.news.clear()
        self.time += passed
        self.rounds(of or target())
        return list(self.news)


def opened(url: str = "https://github.test/1", failures: tuple[Failure, ...] = ()) -> WayBackRun:
    outcome = WayBackOutcome("churn", "Production", "opened", "error_rate was 0.08.", url)
    return WayBackRun([outcome], failures, [])


def test_it_looks_every_five_minutes_if_the_policy_asks_for_health(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop = Loop(monkeypatch)
    without = target("stages: {Production: {alias: production}}\n")
    assert loop(of=without) == [], "nothing was looked at"
    loop.answers = [opened()]
    [news] = loop()
    assert news.health[0].startswith("churn   Production   opened")
    assert loop(PERIOD - 1) == [], "it is too early"
    loop.answers = [opened()]
    assert loop() == [], "the same is reported once"
    loop.answers = [WayBackRun([], (), [])]
    loop()
    loop.answers = [opened("https://github.test/2")]
    assert loop()[0].health


def test_no_failure_ends_a_round_and_each_is_reported_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop = Loop(monkeypatch)
    loop.answers = [ForgeFailure("GitHub slows us down.")] * 2
    assert loop()[0].failure == "GitHub slows us down." and loop() == []
    loop.answers = [RuntimeError("surprise")]
    assert "Unexpected" in (loop()[0].failure or "")
    loop.answers = [opened(failures=(Failure("Prometheus is silent."),))]
    assert [news.failure for news in loop()] == [None, "Prometheus is silent."]
    assert loop.failures == ["health"] * 4
