"""One view over all environments: which has which version, copied from which."""

from __future__ import annotations

import io
import shutil
import threading
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from mlflow import MlflowClient

from mlflow_gitops.app.environments import all_statuses
from mlflow_gitops.cli import main
from mlflow_gitops.edges.mlflow.other_environments import origins
from mlflow_gitops.edges.system.own_command import Ended
from tests.support.environments import Teams
from tests.support.registries.origin_readers import origin_readers

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


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every environment is read by a process of its own, which first loads MLflow: here this one
    reads them, one after another. Another test starts the processes."""
    lock = threading.Lock()

    def run(arguments: Sequence[str]) -> Ended:
        out, err = io.StringIO(), io.StringIO()
        with lock, redirect_stdout(out), redirect_stderr(err):
            code = main([*arguments])
        return Ended(code, out.getvalue(), err.getvalue())

    monkeypatch.setattr(all_statuses, "run_own_command", run)


@pytest.mark.usefixtures("in_this_process")
def test_status_of_all(teams: Teams, monkeypatch: pytest.MonkeyPatch) -> None:
    with origin_readers() as readers:
        monkeypatch.setattr(origins, "subprocess", readers)
        shows_the_status_of_all(teams)


def shows_the_status_of_all(teams: Teams) -> None:
    ran = teams.on(None, "status", "--all-envs", "--format", "json")
    churn, extra = ran.json["models"]
    assert [environment["error"] for environment in ran.json["environments"]] == [None, None]
    assert churn["environments"]["dev"]["sync"] == "Synced"
    assert churn["environments"]["dev"]["stages"] == {"Production": [2]}
    assert churn["environments"]["prod"]["sync"] == "Missing"
    assert list(extra["environments"]) == ["dev"]

    table = teams.on(None, "status", "churn", "--all-envs")
    assert table.out.splitlines()[0].split() == ["dev", "prod"]
    assert "Synced  Production 2" in table.out and "extra" not in table.out
    assert teams.on(None, "status", "--all-envs", "--exit-code").code == 2
    assert teams.on("dev", "status", "--all-envs").code == 64


def test_an_environment_that_cannot_be_read_hides_no_other(teams: Teams) -> None:
    file = teams.folder / "registry/environments.yaml"
    text = file.read_text()
    file.write_text(text.replace(teams.uris["prod"], f"sqlite:///{teams.folder}/none.db"))
    teams.commit("A lost server")
    ran = teams.on(None, "status", "--all-envs")
    assert ran.code == 1
    assert "Synced  Production 2" in ran.out and "prod could not be read:" in ran.out


def test_one_model_everywhere(teams: Teams) -> None:
    ran = teams.on(None, "show", "churn", "--all-envs", "--format", "json")
    dev, prod = ran.json["environments"]
    assert dev["stages"] == {"Production": [2]} and dev["copied_from"] == {}
    copied = prod["copied_from"]["1"]
    assert (copied["environment"], copied["version"], copied["digest"]) == ("dev", 2, DIGEST)
    assert copied["promoted"]["stage"] == "Production" and copied["promoted"]["to"] == [2]
    text = teams.on(None, "show", "churn", "--all-envs").out
    assert "1 is a copy of dev/2 (sha256:abababababab…), put into Production there by" in text

    extra = teams.on(None, "show", "extra", "--all-envs", "--format", "json").json
    assert [environment["stages"] for environment in extra["environments"]] == [
        {"Staging": [1]},
        None,
    ]
    assert "never had a manifest" in teams.on(None, "show", "none", "--all-envs").err
    assert teams.on(None, "show", "--all-envs").code == 64


@pytest.mark.usefixtures("in_this_process")
def test_reports_of_all(teams: Teams, tmp_path: Path) -> None:
    """A new environment without a folder is listed with the reason, and hides no other."""
    shutil.rmtree(teams.folder / "registry/prod")
    teams.commit("No manifests of prod yet")
    out = tmp_path / "pages"
    ran = teams.on(None, "report", "--all-envs", "--out", str(out), "--since", "2026-01-01")
    page = (out / "index.html").read_text("utf-8")
    assert ran.code == 1 and "warning: prod: There is no registry/prod/ folder in" in ran.err
    assert '<a href="dev/index.html">dev</a>' in page and "churn" in page_of(out, "dev")
    assert "There is no registry/prod/ folder in" in page and "prod/index.html" not in page
    assert "leave out --env" in teams.on("dev", "report", "--all-envs", "--out", str(out)).err


def page_of(out: Path, environment: str) -> str:
    return (out / environment / "index.html").read_text("utf-8")
