"""Health in the rounds of the loop: when it is looked at, and what is reported."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from mlflow_gitops.app.planning.target import Target
from mlflow_gitops.app.reconciling.news import News
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands import way_back
from mlflow_gitops.commands.health_rounds import PERIOD, HealthRounds
from mlflow_gitops.commands.way_back import WayBackRun
from mlflow_gitops.core.health.verdict import HealthState, HealthVerdict
from mlflow_gitops.core.manifests.registry_folder import RegistryFolder
from mlflow_gitops.core.manifests.snapshot import SourceFile, build
from mlflow_gitops.edges.system.metrics.health import HealthGauges
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
        self.registry = CollectorRegistry()
        self.gauges = HealthGauges(self.registry, most=2)
        metrics: Any = SimpleNamespace(
            record_failure=self.failures.append, health_gauges=self.gauges
        )
        workspace = cast("Workspace", SimpleNamespace(settings=Settings()))
        self.rounds = HealthRounds(lambda: workspace, metrics, self.news.append, lambda: self.time)
        monkeypatch.setattr(way_back, "look", self._look)

    def _look(self, workspace: Workspace) -> WayBackRun:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return cast("WayBackRun", answer)

    def shown(self) -> dict[str, float]:
        """The series of versions, as `version state`; of counts, as `state`."""
        samples = [sample for family in self.registry.collect() for sample in family.samples]
        return {
            " ".join(sample.labels[key] for key in ("version", "state") if key in sample.labels): (
                sample.value
            )
            for sample in samples
        }

    def __call__(self, passed: float = PERIOD, of: Target | None = None) -> list[News]:
        self.news.clear()
        self.time += passed
        self.rounds(of or target())
        return list(self.news)


def read(*verdicts: tuple[int, HealthState]) -> WayBackRun:
    made = [
        HealthVerdict("churn", "Production", number, state, "", "", "", "", ())
        for number, state in verdicts
    ]
    return WayBackRun([], (), [], verdicts=made)


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


NONE = {"healthy": 0, "unhealthy": 0, "waiting": 0, "unknown": 0}


def test_the_metrics_show_the_last_look_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = Loop(monkeypatch)
    loop.answers = [read((1, "healthy"), (2, "unhealthy")), read((3, "waiting"))]
    loop()
    assert loop.shown() == NONE | {"healthy": 1, "unhealthy": 1, "1 healthy": 1, "2 unhealthy": 1}
    loop()
    assert loop.shown() == NONE | {"waiting": 1, "3 waiting": 1}

    loop.answers = [read((1, "healthy"), (2, "healthy"), (3, "unknown"))]
    loop()
    assert loop.shown() == NONE | {"healthy": 2, "unknown": 1}, "too many for series of their own"

    # What is not known, or not watched any more, leaves nothing behind.
    for answer in (
        ForgeFailure("GitHub is away."),
        RuntimeError("surprise"),
        WayBackRun([], (), []),
    ):
        loop.answers = [read((1, "unhealthy")), answer]
        loop()
        assert loop.shown()["1 unhealthy"] == 1
        loop()
        assert loop.shown() == {}
    loop.answers = [read((1, "unhealthy"))]
    loop()
    loop(passed=1, of=target("stages: {Production: {alias: production}}\n"))
    assert loop.shown() == {}


def test_what_a_failed_round_forgot_is_looked_at_in_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop = Loop(monkeypatch)
    loop.answers = [read((1, "healthy")), read((1, "unhealthy"))]
    loop()
    loop.gauges.forget()
    loop(passed=1)
    assert loop.shown()["1 unhealthy"] == 1
    loop(passed=1)
    assert not loop.answers, "and then every five minutes again"
