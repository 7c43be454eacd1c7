"""From git to the serving process: `resolve` names the version, `fetch` downloads its files if they
are those that git pins. On SQLite with files, on a server that passes artifacts on, and on S3."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

import mlflow_gitops
from mlflow_gitops.errors import Refused
from tests.support.servers import mlflow_server, s3
from tests.support.team import Team

POLICY = """\
stages:
  Staging: {alias: staging}
  Production: {alias: production, require: {pinned: {digest: true}}}
"""


@dataclass
class Trained:
    """A model with one version of two files, and who may overwrite these."""

    client: MlflowClient
    name: str
    logged: Any
    folder: Path

    def write(self, text: str) -> None:
        """Overwrite the version's files, as anybody who may write to its experiment can."""
        (self.folder / "code").mkdir(parents=True, exist_ok=True)
        (self.folder / "MLmodel").write_text("flavors: {}\n")
        (self.folder / "code" / "predict.py").write_text(text)
        self.client.log_model_artifacts(self.logged.model_id, str(self.folder))


def trained(uri: str, folder: Path, artifacts: str | None = None) -> Trained:
    import mlflow

    client, name = MlflowClient(uri), f"churn-{uuid.uuid4().hex[:8]}"
    experiment = client.create_experiment(name, artifacts)
    made = Trained(client, name, client.create_logged_model(experiment, "model"), folder)
    made.write("good")
    client.finalize_logged_model(made.logged.model_id, "READY")
    client.create_registered_model(name)
    mlflow.set_tracking_uri(uri)  # a SQL store resolves the source through it
    source = f"models:/{made.logged.model_id}"
    client.create_model_version(name, source, model_id=made.logged.model_id, await_creation_for=0)
    return made


@pytest.fixture(scope="session")
def s3_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server whose clients read the artifacts from S3 themselves."""
    pytest.importorskip("moto")
    folder = tmp_path_factory.mktemp("s3")
    with pytest.MonkeyPatch.context() as patch, s3("models") as variables:
        for name, value in variables.items():
            patch.setenv(name, value)
        backend = f"sqlite:///{folder / 'mlflow.db'}"
        extra = ("--no-serve-artifacts", "--default-artifact-root", "s3://models/all")
        with mlflow_server(folder, backend, env=variables, extra=extra) as address:
            yield address


S3 = pytest.param("s3", marks=[pytest.mark.real, pytest.mark.xdist_group("s3")])


@pytest.fixture(params=["sqlite", "http", S3])
def uri(request: pytest.FixtureRequest) -> str:
    address: str = request.getfixturevalue(f"{request.param}_uri")
    return address


@pytest.fixture
def model(uri: str, tmp_path: Path) -> Trained:
    artifacts = (tmp_path / "artifacts").as_uri() if uri.startswith("sqlite") else None
    return trained(uri, tmp_path / "trained", artifacts)


@pytest.fixture
def team(uri: str, tmp_path: Path, model: Trained) -> Team:
    """Version 1 is promoted, merged and not reconciled yet."""
    made = Team(tmp_path / "repo", uri)
    made.write("policy.yaml", POLICY)
    made.commit("First", **{model.name: "stages: {}\n"})
    ran = made.run("promote", model.name, "1", "Production", "--commit")
    assert ran.code == 0, ran.err
    assert 'digest: "sha256:' in ran.out
    return made


def test_from_git_to_a_folder_and_never_other_files(
    team: Team, model: Trained, tmp_path: Path
) -> None:
    target = tmp_path / "serving" / "model"
    fetch = ("fetch", model.name, "Production", "--to", str(target))
    ran = team.run(*fetch, "--effective")
    assert ran.code == 4 and "No receipt says" in ran.err and not target.exists()

    assert team.run("reconcile", "--yes").code == 0
    ran = team.run(*fetch, "--effective", "--format", "json")
    assert ran.code == 0, ran.err
    assert (target / "code" / "predict.py").read_text() == "good"
    assert sorted(path.name for path in target.parent.iterdir()) == ["model"]
    assert ran.json["version"] == 1 and ran.json["uri"] == f"models:/{model.name}/1"
    again = team.run(*fetch)
    assert again.code == 0 and "has these files already" in again.err

    pinned = ("fetch", model.name, "--version", "1", "--digest", ran.json["digest"])
    container = tmp_path / "container" / "model"
    by_number = team.run(*pinned, "--to", str(container), "--format", "json")
    assert by_number.code == 0 and by_number.json["stage"] is None, "without git"
    assert (container / "code" / "predict.py").read_text() == "good"
    (tmp_path / "x.j2").write_text("{{ version }} {{ digest }}")
    rendered = ("render", str(tmp_path / "x.j2"), "--to", str(tmp_path / "rendered"))
    assert team.run(*rendered, "--effective").code == 0
    [file] = (tmp_path / "rendered").iterdir()
    assert file.read_text() == f"1 {ran.json['digest']}"

    model.write("evil")
    assert team.run(*pinned, "--to", str(tmp_path / "evil")).code == 4
    assert not (tmp_path / "evil").exists()
    other = tmp_path / "serving" / "other"
    ran = team.run("fetch", model.name, "Production", "--to", str(other))
    assert ran.code == 4 and "nothing was kept" in ran.err
    assert ": code/predict.py differs (4 B). They are not" in ran.err
    assert sorted(path.name for path in target.parent.iterdir()) == ["model"]
    with pytest.raises(Refused, match="not the files that were approved"):
        mlflow_gitops.fetch(
            model.name, "Production", other, repo=team.folder, tracking_uri=team.uri
        )
    assert not other.exists()

    ran = team.run("verify", "--artifacts", "--format", "json")
    assert ran.code == 4
    [finding] = ran.json["unexplained"]
    assert finding["field"] == "files 1" and "code/predict.py differs" in finding["detail"]
    assert team.run("verify", "--artifacts=full").code == 4
    assert team.run("verify", "--artifacts=part").code == 64


def test_files_swapped_after_the_merge_are_not_reconciled(team: Team, model: Trained) -> None:
    model.write("evil")
    ran = team.run("reconcile", "--yes", "--format", "json")
    assert ran.code == 4, ran.out
    [outcome] = ran.json["models"]
    assert [refusal["code"] for refusal in outcome["refusals"]] == ["digest"]
    [version] = model.client.search_model_versions(f"name = '{model.name}'")
    assert version.current_stage == "None"

    model.write("good")
    assert team.run("reconcile", "--yes").code == 0


def test_a_deleted_logged_model_is_neither_reconciled_nor_verified(
    team: Team, model: Trained
) -> None:
    assert team.run("plan").code == 0
    model.client.delete_logged_model(model.logged.model_id)
    ran = team.run("plan", "--format", "json")
    assert ran.code == 4
    assert [refusal["code"] for refusal in ran.json["models"][0]["refusals"]] == ["digest"]
    assert team.run("reconcile", "--yes").code == 4


def test_python_gives_what_the_command_line_gives(
    team: Team, model: Trained, tmp_path: Path
) -> None:
    resolved = mlflow_gitops.resolve(model.name, "Production", repo=team.folder)
    printed = team.run("resolve", model.name, "Production", "--format", "json").json
    assert printed["digest"] == resolved.digest and printed["commit"] == resolved.commit
    assert resolved.version == 1 and resolved.commit == team.git("rev-parse", "HEAD")
    folder = mlflow_gitops.fetch(
        model.name, "Production", tmp_path / "model", repo=team.folder, tracking_uri=team.uri
    )
    assert (folder / "MLmodel").read_text() == "flavors: {}\n"
    assert json.loads(json.dumps(printed)) == printed
