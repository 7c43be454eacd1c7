"""One view over all environments: which has which version, copied from which."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests.support.environments import Teams
from tests.support.team import GIT_ENVIRONMENT, Ran

DIGEST = "sha256:" + "ab" * 32
COPY = f"""\
stages: {{Production: 1}}
versions:
  1: {{origin: {{environment: dev, version: 2, digest: "{DIGEST}"}}}}
"""


@pytest.fixture
def teams(tmp_path: Path, blank_registry: Callable[[Path], str]) -> Teams:
    """`churn` in dev and prod, `extra` in dev alone; dev is reconciled."""
    uris = {name: blank_registry(tmp_path / f"{name}.db") for name in ("dev", "prod")}
    teams = Teams(tmp_path / "repo", uris)
    client = MlflowClient(uris["dev"])
    for model in ("churn", "extra"):
        client.create_registered_model(model)
        for number in (1, 2):
            client.create_model_version(model, f"s3://dev/{number}", await_creation_for=0)
    teams.put("dev", "churn", "stages: {Production: 2}\n")
    teams.put("dev", "extra", "stages: {Staging: 1}\n")
    teams.put("prod", "churn", COPY)
    teams.commit("Churn 2 of dev goes to prod")
    teams.apply("dev")
    return teams


def on_all(teams: Teams, *arguments: str) -> Ran:
    command = [sys.executable, "-m", "mlflow_gitops", "--repo", str(teams.folder), *arguments]
    environment = os.environ | GIT_ENVIRONMENT
    ran = subprocess.run(command, env=environment, capture_output=True, text=True)
    return Ran(ran.returncode, ran.stdout, ran.stderr)


def test_status_of_all(teams: Teams) -> None:
    ran = on_all(teams, "status", "--all-envs", "--format", "json")
    churn, extra = ran.json["models"]
    assert [environment["error"] for environment in ran.json["environments"]] == [None, None]
    assert churn["environments"]["dev"]["sync"] == "Synced"
    assert churn["environments"]["dev"]["stages"] == {"Production": [2]}
    assert churn["environments"]["prod"]["sync"] == "Missing"
    assert list(extra["environments"]) == ["dev"]

    table = on_all(teams, "status", "churn", "--all-envs")
    assert table.out.splitlines()[0].split() == ["dev", "prod"]
    assert "Synced  Production 2" in table.out and "extra" not in table.out
    assert on_all(teams, "status", "--all-envs", "--exit-code").code == 2
    assert on_all(teams, "--env", "dev", "status", "--all-envs").code == 64


def test_an_environment_that_cannot_be_read_hides_no_other(teams: Teams) -> None:
    file = teams.folder / "registry/environments.yaml"
    text = file.read_text()
    file.write_text(text.replace(teams.uris["prod"], f"sqlite:///{teams.folder}/none.db"))
    teams.commit("A lost server")
    ran = on_all(teams, "status", "--all-envs")
    assert ran.code == 1
    assert "Synced  Production 2" in ran.out and "prod could not be read:" in ran.out


def test_one_model_everywhere(teams: Teams) -> None:
    ran = on_all(teams, "show", "churn", "--all-envs", "--format", "json")
    dev, prod = ran.json["environments"]
    assert dev["stages"] == {"Production": [2]} and dev["copied_from"] == {}
    copied = prod["copied_from"]["1"]
    assert (copied["environment"], copied["version"], copied["digest"]) == ("dev", 2, DIGEST)
    assert copied["promoted"]["stage"] == "Production" and copied["promoted"]["to"] == [2]
    text = on_all(teams, "show", "churn", "--all-envs").out
    assert "1 is a copy of dev/2 (sha256:abababababab…), put into Production there by" in text

    extra = on_all(teams, "show", "extra", "--all-envs", "--format", "json").json
    assert [environment["stages"] for environment in extra["environments"]] == [
        {"Staging": [1]},
        None,
    ]
    assert "never had a manifest" in on_all(teams, "show", "none", "--all-envs").err
    assert on_all(teams, "show", "--all-envs").code == 64
