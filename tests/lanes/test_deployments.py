"""Deployments that teams really have: MLflow on MariaDB, whose collation takes some names for one,
and MLflow behind nginx with TLS by a private authority."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests.support.registries.deployments import mariadb, nginx
from tests.support.servers import mlflow_server
from tests.support.team import Team

pytestmark = pytest.mark.real


@pytest.fixture
def uri() -> str:
    return "unused"


@pytest.fixture(scope="module")
def on_mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server over MariaDB, with one model."""
    folder = tmp_path_factory.mktemp("mariadb")
    with mariadb() as store, mlflow_server(folder / "server", store) as address:
        client = MlflowClient(address)
        client.create_registered_model("churn")
        for number in (1, 2):
            client.create_model_version("churn", f"s3://models/{number}", await_creation_for=0)
        yield address


def test_names_that_a_collation_takes_for_one_settle(on_mariadb: str, tmp_path: Path) -> None:
    team = Team(tmp_path / "repo", on_mariadb)
    client = MlflowClient(on_mariadb)
    team.commit(churn="stages: {Production: 1}\ntags: {team: risk}\naliases: {best: 1}\n")
    assert team.run("reconcile", "--yes").code == 0

    team.commit(churn="stages: {Production: 2}\ntags: {Team: risk}\naliases: {Best: 2}\n")
    ran = team.run("reconcile", "--yes")
    assert ran.code == 0, ran.out
    model = client.get_registered_model("churn")
    assert model.tags["Team"] == "risk" and dict(model.aliases) == {"Best": "2"}
    assert team.run("plan", "--detailed-exitcode").code == 0 == team.run("verify").code

    client.create_registered_model("Prícing")
    team.commit("Twin", pricing="stages: {}\n")
    for _ in range(2):
        ran = team.run("reconcile", "--yes", "--format", "json")
        [twin] = [model for model in ran.json["models"] if model["model"] == "pricing"]
        assert ran.code == 4 and twin["refusals"][-1]["code"] == "name_taken", ran.out
        assert "collation" in twin["refusals"][-1]["detail"]


def test_behind_nginx_with_a_private_authority(
    on_mariadb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with nginx(tmp_path / "nginx", on_mariadb) as server:
        team = Team(tmp_path / "repo", server.address)
        team.commit(tls="stages: {Staging: 1}\nversions: {1: {source: s3://models/tls}}\n")
        ran = team.run("plan")
        assert ran.code == 1 and "its TLS certificate is not trusted here" in ran.err
        monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(server.authority))
        assert team.run("reconcile", "--yes").code == 0
        assert team.run("status", "--exit-code").code == 0
    assert "MLFLOW_TRACKING_SERVER_CERT_PATH" in os.environ
