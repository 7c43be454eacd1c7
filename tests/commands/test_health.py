"""`health`: what holds a stage, with the values that a monitor wrote to MLflow and those of
Prometheus (RULES R13)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from mlflow import MlflowClient

from mlflow_gitops.app.health.reading import read_health
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.settings import Settings, utc_now
from tests.support.prometheus.stand_in import number, stand_in
from tests.support.team import Team

POLICY = """\
stages:
  Production:
    alias: production
    health:
      window: 1h
      on_failure: propose
      checks:
        drift: {metric: drift_share, max: 0.3, newer_than: 1d}
        accuracy: {tag: monitor.accuracy, min: 0.9, newer_than: 1d}
        errors: {prometheus: 'errors{model="$model",version="$version"}', max: 0.02}
"""


@pytest.fixture
def team(tmp_path: Path, blank_registry: Callable[[Path], str]) -> Team:
    """`fraud` 1 came to hold Production; the commands run two hours later."""
    uri = blank_registry(tmp_path / "mlflow.db")
    client = MlflowClient(uri)
    experiment = client.create_experiment("training", (tmp_path / "artifacts").as_uri())
    run = client.create_run(experiment).info
    client.create_registered_model("fraud")
    client.create_model_version(
        "fraud", f"{run.artifact_uri}/model", run_id=run.run_id, await_creation_for=0
    )
    made = Team(tmp_path / "repo", uri)
    made.write("policy.yaml", POLICY)
    made.commit("First", fraud="stages: {Production: 1}\n")
    assert made.run("reconcile", "--yes").code == 0
    made.settings = replace(made.settings, now=lambda: utc_now() + timedelta(hours=2))
    return made


def monitored(team: Team, drift: float, accuracy: float) -> None:
    """What a monitor wrote an hour after the entry."""
    client = MlflowClient(team.uri)
    version = client.get_model_version("fraud", "1")
    at = utc_now() + timedelta(hours=1)
    client.log_metric(version.run_id, "drift_share", drift, int(at.timestamp() * 1000))
    tag = f"{accuracy}@{at:%Y-%m-%dT%H:%M:%SZ}"
    client.set_model_version_tag("fraud", "1", "monitor.accuracy", tag)


def test_a_version_in_production(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = team.run("health", "--exit-code")
    assert missing.code == 2, missing.err
    assert "fraud 1 in Production: unknown" in missing.out
    assert "? drift ≤ 0.3: its run" in missing.out and "has no metric drift_share" in missing.out
    assert "MLFLOW_GITOPS_PROMETHEUS_URL is not set" in missing.out

    with stand_in(number(0.013)) as serving:
        monkeypatch.setenv("MLFLOW_GITOPS_PROMETHEUS_URL", serving.address)
        monitored(team, 0.1, 0.95)
        healthy = team.run("health", "fr*", "--stage", "Production", "--exit-code")
        assert healthy.code == 0, healthy.out + healthy.err
        assert "fraud 1 in Production: healthy (3 checks within bounds)" in healthy.out
        assert '    errors{model="fraud",version="1"}' in healthy.out
        assert healthy.out.endswith("1 healthy\n")

        time.sleep(0.002)  # MLflow's times are in milliseconds
        monitored(team, 0.1, 0.85)
        failing = team.run("health", "fraud", "--exit-code", "--format", "json")
        assert failing.code == 2 and team.run("health").code == 0
        [verdict] = failing.json["verdicts"]
        assert (verdict["state"], verdict["on_failure"]) == ("unhealthy", "propose")
        assert verdict["reason"] == "accuracy: 0.85 < 0.9"
        values = {check["name"]: check["value"] for check in verdict["checks"]}
        assert values == {"drift": 0.1, "accuracy": 0.85, "errors": 0.013}

        page = team.run("health", "--format", "markdown").out
        assert "### `fraud 1` in `Production`: unhealthy" in page and "| ✗ `accuracy` |" in page
        assert team.run("health", "--stage", "Staging").out.startswith("No version holds a stage")

        workspace = Workspace(replace(team.settings, repo=team.folder, tracking_uri=team.uri))
        before = utc_now() - timedelta(days=1)
        policy = workspace.tree().policy
        assert read_health(workspace, policy, at=before) == [], "it held nothing then"


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--stage", "Prod"), 64, "The policy has no stage 'Prod'"),
        (("nobody",), 1, "nobody"),
        (("nobody", "fraud"), 1, "No commit of the main branch has a manifest of nobody"),
        (("x*",), 1, "matches x*"),
    ],
)
def test_what_cannot_be_shown(team: Team, words: tuple[str, ...], code: int, message: str) -> None:
    ran = team.run("health", *words)
    assert ran.code == code and message in ran.err


def test_each_version_of_a_stage_has_its_own_window(team: Team) -> None:
    """One that stays when another joins or leaves is still in the window of its own entry."""
    team.settings = Settings()
    client = MlflowClient(team.uri)
    for _ in range(2):
        client.create_model_version("fraud", "s3://models/fraud", await_creation_for=0)
    team.write("policy.yaml", POLICY.replace("    alias: production\n", ""))

    def entered(hours: int, versions: str) -> dict[int, str]:
        team.commit("Change", fraud=f"stages: {{Production: {versions}}}\n")
        team.settings = replace(Settings(), now=lambda: utc_now() + timedelta(hours=hours))
        assert team.run("reconcile", "--yes").code == 0
        ran = team.run("health", "--format", "json")
        return {verdict["version"]: verdict["entered"] for verdict in ran.json["verdicts"]}

    first = entered(1, "[1]")
    joined = entered(3, "[1, 2]")
    assert joined[1] == first[1] < joined[2]
    assert entered(5, "[2]") == {2: joined[2]}
    back = entered(7, "[1, 2, 3]")
    assert back[2] == joined[2] < back[1] == back[3], "coming back begins a new stay"


def test_a_policy_that_watches_nothing(tmp_path: Path) -> None:
    team = Team(tmp_path / "repo", f"sqlite:///{tmp_path}/none.db")
    team.commit("First", fraud="stages: {}\n")
    ran = team.run("health")
    assert ran.code == 1 and "watches no stage" in ran.err and "Add health to a stage" in ran.err
