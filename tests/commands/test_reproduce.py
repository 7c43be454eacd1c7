"""`reproduce`: the script starts the training of the commit, in an environment of its own."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests.support.checking.candidates import write_model
from tests.support.team import Team

TRAIN = "import sys\nopen('trained.txt', 'w').write(sys.prefix)\n"


@pytest.fixture
def team(tmp_path: Path, blank_registry: Callable[[Path], str]) -> Team:
    """Version 1 was trained by a script of this repository, with no requirement beside Python."""
    team = Team(tmp_path / "team", blank_registry(tmp_path / "mlflow.db"))
    (team.folder / "train.py").write_text(TRAIN)
    head = team.commit("Training", fraud="stages: {}\n")
    client = MlflowClient(team.uri)
    client.create_registered_model("fraud")
    experiment = client.create_experiment("train", (tmp_path / "files").as_uri())
    tags = {
        "mlflow.source.git.commit": head,
        "mlflow.source.type": "LOCAL",
        "mlflow.source.name": "train.py",
    }
    run = client.create_run(experiment, tags=tags)
    client.log_param(run.info.run_id, "depth", "3")
    client.log_metric(run.info.run_id, "accuracy", 0.93)
    folder = write_model(tmp_path / "model", "a_model")
    text = (folder / "MLmodel").read_text()
    (folder / "MLmodel").write_text(text.replace("3.11.0", platform.python_version()))
    client.log_artifacts(run.info.run_id, str(folder))
    client.create_model_version(
        "fraud", run.info.artifact_uri, run.info.run_id, await_creation_for=0
    )
    return team


def test_what_is_known_and_what_is_missing(team: Team, tmp_path: Path) -> None:
    assert team.run("promote", "fraud", "1", "Staging", "--commit").code == 0
    assert team.run("reconcile", "--yes", "--no-push-receipts").code == 0
    ran = team.run("reproduce", "fraud", "Staging", "--format", "json")
    assert ran.code == 0 and ran.json["can_start"] and ran.json["script"] == "train.py"
    assert ran.json["params"] == {"depth": "3"} and ran.json["metrics"] == {"accuracy": 0.93}
    assert ran.json["digest"].startswith("sha256:"), "as the manifest pins it"
    assert [one["stage"] for one in ran.json["promotions"]] == ["Staging"]

    text = team.run("reproduce", "fraud", "1").out
    assert "command      python train.py" in text and "    - No DVC data is recorded" in text
    assert "    - MLflow recorded the program train.py and not its arguments" in text


@pytest.mark.real
def test_the_script_starts_the_training(team: Team, tmp_path: Path) -> None:
    out = tmp_path / "again"
    ran = team.run("reproduce", "fraud", "1", "--out", str(out))
    assert ran.code == 0 and "reproduce.sh starts the training" in ran.out, ran.err
    done = subprocess.run(
        ["bash", str(out / "reproduce.sh")], cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (out / "code/trained.txt").read_text() == str(out / "environment")


def test_a_folder_that_holds_something_is_left_alone(team: Team, tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    (tmp_path / "again/mine.txt").write_text("mine")
    ran = team.run("reproduce", "fraud", "1", "--out", str(tmp_path / "again"))
    assert ran.code == 1 and "is not empty" in ran.err
    assert [file.name for file in (tmp_path / "again").iterdir()] == ["mine.txt"]
