"""`reconcile --on-change`: a command gets each change after it was read back, and what it does
changes nothing of the reconcile."""

from __future__ import annotations

import json
import shlex
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from mlflow_gitops.app.planning.options import PlanOptions
from mlflow_gitops.app.reconciling.news import News
from mlflow_gitops.app.reconciling.on_change import Notifier
from mlflow_gitops.app.reconciling.watch import Watcher
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.edges.mlflow.registry import Registry
from mlflow_gitops.edges.system.metrics.loop import Metrics
from mlflow_gitops.settings import Settings
from tests.support.team import Team

SCRIPT = """\
import json, sys
change = json.load(sys.stdin)
with open(sys.argv[1], "a") as stream:
    stream.write(json.dumps(change) + "\\n")
if change["model"] in sys.argv[2:]:
    print("the cluster is away")
    sys.exit(9)
"""
HOSTILE = "$(touch made)"
"""A model's name that a shell would run."""


@pytest.fixture
def team(tmp_path: Path, blank_registry: Callable[[Path], str]) -> Team:
    """Two models of two versions each, whose first versions are to hold Production."""
    uri = blank_registry(tmp_path / "mlflow.db")
    client = MlflowClient(uri)
    for name in ("fraud", HOSTILE):
        client.create_registered_model(name)
        for _ in (1, 2):
            client.create_model_version(name, "s3://bucket/x", await_creation_for=0)
    made = Team(tmp_path / "repo", uri)
    made.write("policy.yaml", "stages: {Production: {alias: production}}\n")
    made.write("models/%24%28touch made%29.yaml", f"name: {HOSTILE}\nstages: {{Production: 1}}\n")
    made.commit("First", fraud="stages: {Production: 1}\n")
    (tmp_path / "deploy.py").write_text(SCRIPT)
    return made


def command(team: Team, *failing: str) -> str:
    folder = team.folder.parent
    words = (sys.executable, folder / "deploy.py", folder / "deployed", *failing)
    return shlex.join(map(str, words))


def deployed(team: Team) -> list[dict[str, Any]]:
    """What the command was given since the last question."""
    file = team.folder.parent / "deployed"
    lines = file.read_text().splitlines() if file.exists() else []
    file.unlink(missing_ok=True)
    return [json.loads(line) for line in lines]


def test_it_gets_each_change_once(
    team: Team, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options = ("reconcile", "--yes", "--on-change", command(team), "--format", "json")
    ran = team.run(*options)
    assert ran.code == 0, ran.err
    changes = deployed(team)
    assert [(change["model"], change["stage"], change["version"]) for change in changes] == [
        (HOSTILE, "Production", 1),
        ("fraud", "Production", 1),
    ]
    assert not (tmp_path / "made").exists(), "no shell reads a name"
    assert changes[1]["uri"] == "models:/fraud/1" and changes[1]["receipt"] == ran.json["receipt"]
    assert changes[1]["commit"] == team.git("rev-parse", "HEAD")
    assert [entry["error"] for entry in ran.json["on_change"]] == [None, None]

    assert team.run(*options).code == 0 and deployed(team) == [], "nothing changed"
    team.commit("Promote", fraud="stages: {Production: 2}\n")
    assert team.run(*options).code == 0
    team.commit("Empty", fraud="stages: {Production: null}\n")
    assert team.run(*options).code == 0
    assert [change["version"] for change in deployed(team)] == [2, None]


def test_its_failure_is_reported_and_nothing_is_undone(team: Team) -> None:
    options = ("reconcile", "--yes", "--on-change", command(team, HOSTILE))
    ran = team.run(*options)
    assert ran.code == 5
    assert "--on-change failed for $(touch made), Production, version 1: exit code 9" in ran.err
    assert "the cluster is away" in ran.err
    assert [change["model"] for change in deployed(team)] == [HOSTILE, "fraud"]
    for name in (HOSTILE, "fraud"):
        version = MlflowClient(team.uri).get_model_version(name, "1")
        assert version.current_stage == "Production"
    assert team.run(*options).code == 0 and deployed(team) == [], "it is not run again"


def test_a_command_that_does_not_exist_changes_nothing(team: Team) -> None:
    ran = team.run("reconcile", "--yes", "--on-change", "no-such-program")
    assert ran.code == 64 and "no-such-program" in ran.err
    assert MlflowClient(team.uri).get_model_version("fraud", "1").current_stage == "None"
    assert team.run("reconcile", "--yes", "--watch", "--on-change", "no-such-program").code == 64


def test_the_loop_runs_it_too_and_goes_on(team: Team) -> None:
    stop, metrics, published = threading.Event(), Metrics(60), list[News]()

    class OneRound:
        """Ends the loop when it would wait."""

        def is_set(self) -> bool:
            return stop.is_set()

        def wait(self, seconds: float) -> None:
            stop.set()

    watcher = Watcher(
        lambda: Workspace(Settings(repo=team.folder)),
        lambda: Registry(team.uri),
        metrics,
        published.append,
        OneRound(),
        interval=1,
        plan_options=PlanOptions(),
        notifier=Notifier.of_option(command(team, "fraud"), None, stop.is_set),
    )
    watcher.run()
    assert [change["model"] for change in deployed(team)] == [HOSTILE, "fraud"]
    failures = [news.failure for news in published if news.failure]
    assert len(failures) == 1 and "--on-change failed for fraud" in failures[0]
    sample = metrics.registry.get_sample_value
    assert sample("mlflow_gitops_failures_total", {"where": "on_change"}) == 1.0
