"""`check`: a version runs in a process of its own, and its record passes the gate."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient

from tests.support.checking.candidates import register, write_model
from tests.support.team import Ran, Team

ROWS = "a,label\n1,2\n2,4\n3,6\n"
SHA = hashlib.sha256(ROWS.encode()).hexdigest()
POLICY = "stages: {Production: {require: {checked: {by: checker, load: 10m, within: 7d%s}}}}\n"
DATA = (
    f", data: {{path: data/rows.csv, sha256: {SHA}, target: label, type: regressor}},"
    " metrics: {max_error: {max: 0.1}}"
)
LOCAL = ("--env-manager", "local")


class Shelf:
    """A registry with models whose code a test writes."""

    def __init__(self, team: Team, folder: Path) -> None:
        self.team, self._folder = team, folder
        self.client = MlflowClient(team.uri)
        self.client.create_registered_model("fraud")
        self._experiment = self.client.create_experiment("train", (folder / "files").as_uri())
        self._count = 0

    def add(self, body: str = "return rows['a'] * 2", **more: object) -> str:
        self._count += 1
        name = f"model_{self._count}"
        folder = write_model(self._folder / name, name, body, **more)  # type: ignore[arg-type]
        return str(register(self.client, self._experiment, "fraud", folder).version)

    def check(self, *args: str) -> Ran:
        return self.team.run("check", "fraud", *args)


@pytest.fixture
def shelf(tmp_path: Path, blank_registry: Callable[[Path], str]) -> Shelf:
    team = Team(tmp_path / "team", blank_registry(tmp_path / "mlflow.db"))
    team.write("policy.yaml", POLICY % "")
    team.commit("First", fraud="stages: {}\n")
    return Shelf(team, tmp_path)


def gate(team: Team) -> list[tuple[str, str]]:
    [model] = team.run("plan", "--format", "json").json["models"]
    return [(verdict["status"], verdict["detail"]) for verdict in model["gates"]]


def test_a_version_is_checked_recorded_and_promoted(shelf: Shelf) -> None:
    shelf.add()
    ran = shelf.check("1", *LOCAL, "--record", "--as", "checker")
    assert ran.code == 0, ran.out + ran.err
    assert "fraud 1: passed" in ran.out and "✓ Production: load" in ran.out

    run_id = shelf.client.get_model_version("fraud", "1").tags["gitops.check.run"]
    run = shelf.client.get_run(run_id)
    assert run.data.tags["gitops.check.digest"] in ran.out and run.info.user_id == "checker"
    assert run.inputs.model_inputs[0].model_id.startswith("m-")
    assert run.data.metrics["gitops.check.latency_p95_ms"] > 0

    assert shelf.team.run("promote", "fraud", "1", "Production", "--commit").code == 0
    [(status, detail), (second, _)] = gate(shelf.team)
    assert (status, second) == ("passed", "passed") and f"by checker (run {run_id})" in detail
    shelf.team.write("policy.yaml", POLICY.replace("checker", "somebody") % "")
    ran = shelf.team.run("reconcile", "--yes", "--no-push-receipts")
    assert ran.code == 0 and shelf.client.get_model_version("fraud", "1").current_stage


def test_what_goes_wrong_is_named(shelf: Shelf) -> None:
    shelf.add("raise ValueError('no')")
    ran = shelf.check("latest", *LOCAL, "--format", "json")
    assert ran.code == 4 and ran.json["outcome"] == "failed"
    assert ran.json["faults"] == ["it cannot predict its input example: ValueError: no"]
    assert ran.err.splitlines() == [
        "downloading the files of fraud 1 …",
        "loading the model, predicting and measuring …",
    ]


@pytest.mark.real
def test_three_jobs_do_what_one_does(shelf: Shelf, tmp_path: Path) -> None:
    """Download, run without MLflow, record: the digest goes past the second job."""
    shelf.team.write("policy.yaml", POLICY % DATA)
    (shelf.team.folder / "data").mkdir()
    (shelf.team.folder / "data/rows.csv").write_text(ROWS)
    shelf.add()
    folder, file = tmp_path / "candidate", tmp_path / "result.json"
    ran = shelf.check("1", "--to", str(folder), "--format", "json")
    assert ran.code == 0 and "label" not in (folder / "features.csv").read_text()
    digest = ran.json["digest"]

    ran = shelf.team.run(
        "check", "fraud", "1", "--from", str(folder), *LOCAL, "--format", "json",
        uri="http://127.0.0.1:9",
    )  # fmt: skip
    assert ran.code == 0 and ran.json["answers"] == [2.0, 4.0, 6.0], ran.out + ran.err
    file.write_text(ran.out)

    other = ("--digest", "sha256:" + "0" * 64)
    ran = shelf.check("1", "--result", str(file), *other, "--record")
    assert ran.code == 4 and "is about other files than those of fraud 1" in ran.err

    lying = {**json.loads(file.read_text()), "answers": [2.0, 4.0]}
    (tmp_path / "lying.json").write_text(json.dumps(lying))
    ran = shelf.check("1", "--result", str(tmp_path / "lying.json"), "--digest", digest)
    assert ran.code == 4 and "did not predict each row" in ran.out
    assert shelf.client.get_experiment_by_name("mlflow-gitops/checks") is None


@pytest.mark.real
@pytest.mark.weekly
@pytest.mark.parametrize(("manager", "program"), [("uv", "uv"), ("virtualenv", "pyenv")])
def test_a_fresh_environment_has_the_requirements_of_the_version(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, manager: str, program: str
) -> None:
    """Python and MLflow are those that are here."""
    here = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    monkeypatch.setenv("PATH", here)
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    python = platform.python_version()
    for file in (Path.home() / ".config/pip/pip.conf", Path("/etc/pip.conf")):
        if file.is_file():
            monkeypatch.setenv("PIP_CONFIG_FILE", str(file))
            break
    shelf.add(requirements=[f"mlflow-skinny=={mlflow.__version__}", "pandas"], python=python)
    ran = shelf.check("1", "--env-manager", manager, "--format", "json")
    assert ran.code == 0 and ran.json["python"] == python, ran.out + ran.err


@pytest.mark.real
def test_predictions_are_evaluated_by_mlflow(shelf: Shelf) -> None:
    shelf.team.write("policy.yaml", POLICY % DATA)
    (shelf.team.folder / "data").mkdir()
    (shelf.team.folder / "data/rows.csv").write_text(ROWS)
    shelf.add()
    ran = shelf.check("1", *LOCAL, "--format", "markdown")
    assert ran.code == 0 and "max_error 0 ≤ 0.1" in ran.out, ran.out + ran.err
    (shelf.team.folder / "data/rows.csv").write_text(ROWS.replace("6", "7"))
    ran = shelf.check("1", *LOCAL)
    assert ran.code == 1 and "and the policy names" in ran.err


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("check nobody 1", 1, "nobody is not in MLflow"),
        ("check fraud 9", 1, "has no version, stage or alias 9"),
        ("check fraud 1 --memory-limit lots", 64, "--memory-limit takes a size"),
        ("check fraud 1 --time-limit soon", 64, "--time-limit takes a length"),
        ("check fraud 1 --stage Nowhere", 64, "The policy has no stage"),
        ("check fraud 1 --to x --from y", 64, "Only one of"),
        ("check fraud 1 --from x --record", 64, "--record needs MLflow"),
        ("check fraud 1 --digest x", 64, "--digest goes with --result"),
        ("check fraud 1 --from nowhere", 1, "has no candidate that could be checked"),
    ],
)
def test_what_cannot_be_checked(shelf: Shelf, line: str, code: int, message: str) -> None:
    ran = shelf.team.run(*line.split())
    assert ran.code == code and message in " ".join(ran.err.split()), ran.err
