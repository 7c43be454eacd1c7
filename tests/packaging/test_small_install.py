"""The package as `pip install mlflow-gitops` brings it into an empty environment: small, without
full MLflow, and enough for a server."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mlflow_gitops.core.setup.doctor_mlflow import SUPPORTED_MLFLOW
from tests.support.models import Signed, log_model
from tests.support.project.installing import ROOT
from tests.support.servers import mlflow_server
from tests.support.team import GIT_ENVIRONMENT, Team

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("small install")]
"""One worker installs it once."""

MOST_BYTES = 200_000_000
POLICY = """\
stages:
  Production: {alias: production, require: {signature: compatible, pinned: {digest: true}}}
"""


def constraints(folder: Path, kind: str) -> Path:
    """The versions that the tests run with, or the lowest that are accepted, the client's own among
    them."""
    if kind == "newest":
        return ROOT / "constraints.txt"
    pins = (ROOT / "constraints-lowest.txt").read_text(encoding="utf-8").splitlines()
    client = ".".join(map(str, SUPPORTED_MLFLOW[0]))
    kept = [pin for pin in pins if not pin.startswith("mlflow==")]
    (folder / "lowest.txt").write_text("\n".join([*kept, f"mlflow-skinny=={client}.0\n"]))
    return folder / "lowest.txt"


@pytest.fixture(scope="module", params=["newest", pytest.param("lowest", marks=pytest.mark.weekly)])
def installed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel and what pip brings for it."""
    folder = tmp_path_factory.mktemp("small")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    wheel = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(folder), str(ROOT)]
    subprocess.run([*pip, *wheel], check=True)

    venv.create(folder / "venv")
    [built] = folder.glob("*.whl")
    # Older versions of pip know no --python with a folder: that environment's own Python is named.
    python = folder / "venv/bin/python"
    command = [*pip, "--python", str(python), "install", "--quiet", "--no-compile"]
    done = subprocess.run(
        [*command, "-c", str(constraints(folder, request.param)), str(built)],
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        if os.environ.get("CI") == "true":
            raise RuntimeError(done.stderr)
        pytest.skip(f"pip cannot install here: {done.stderr[-300:]}")
    return folder / "venv"


@pytest.fixture(scope="module")
def server(
    installed: Path,
    tmp_path_factory: pytest.TempPathFactory,
    blank_registry: Callable[[Path], str],
) -> Iterator[str]:
    """A server of this environment's full MLflow, with two versions of one model. Each install has
    one of its own, since a model has one owner."""
    from mlflow import MlflowClient

    folder = tmp_path_factory.mktemp("server")
    with mlflow_server(folder, blank_registry(folder / "mlflow.db")) as address:
        MlflowClient(address).create_registered_model("churn")
        log_model(address, "churn", Signed())
        log_model(address, "churn", Signed().column("hour", "long"))
        yield address


def run(
    installed: Path, team: Team, *arguments: str, uri: str, expect: int = 0
) -> subprocess.CompletedProcess[str]:
    variables = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("MLFLOW_", "PYTHON", "GIT_", "GITHUB_"))
    }
    done = subprocess.run(
        [installed / "bin/mlflow-gitops", *arguments],
        cwd=team.folder,
        env=variables | GIT_ENVIRONMENT | {"MLFLOW_TRACKING_URI": uri},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == expect, done.stdout + done.stderr
    return done


def test_it_is_small(installed: Path) -> None:
    files = [path for path in installed.rglob("*") if path.is_file() and not path.is_symlink()]
    assert sum(path.stat().st_size for path in files) < MOST_BYTES
    names = {path.name for path in installed.glob("lib/python*/site-packages/*")}
    assert not names & {"numpy", "pandas", "sklearn", "sqlalchemy", "alembic", "boto3", "flask"}


def test_a_server_needs_no_more(installed: Path, server: str, tmp_path: Path) -> None:
    team = Team(tmp_path / "repo", server)
    team.write("policy.yaml", POLICY)
    team.write("models/churn.yaml", "name: churn\nstages: {}\n")
    team.commit("Begin")
    run(installed, team, "validate", uri=server)
    run(installed, team, "promote", "churn", "1", "Production", "--commit", uri=server)
    run(installed, team, "plan", "--detailed-exitcode", uri=server, expect=2)
    run(installed, team, "reconcile", "--yes", uri=server)
    run(installed, team, "status", "--exit-code", uri=server)
    run(installed, team, "verify", "--artifacts=full", uri=server)

    run(installed, team, "promote", "churn", "2", "Production", "--commit", uri=server)
    planned = run(installed, team, "plan", uri=server, expect=4)
    assert "input hour: new and required" in planned.stdout, "signatures are read"
    assert "input hour" in run(installed, team, "compare", "churn", "1", "2", uri=server).stdout
    assert "MLflow 3." in run(installed, team, "doctor", uri=server, expect=1).stdout


def test_what_needs_an_extra_says_so(installed: Path, tmp_path: Path) -> None:
    team = Team(tmp_path / "repo", "unused")
    team.commit("Begin", churn="stages: {}\n")
    for uri in ("sqlite:///mlflow.db", "postgresql://me:pa55word@127.0.0.1/mlflow", "mlruns"):
        failed = run(installed, team, "status", uri=uri, expect=1).stderr
        assert ".whl[sql]'" in failed and "pa55word" not in failed
    failed = run(installed, team, "demo", str(tmp_path / "demo"), uri="unused", expect=1)
    assert ".whl[demo]'" in failed.stderr


def test_models_in_s3_need_an_extra(installed: Path, server: str, tmp_path: Path) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(server)
    name = installed.parent.name  # the installs share the server
    client.create_registered_model(name)
    client.create_model_version(name, "s3://models/1", await_creation_for=0)
    team = Team(tmp_path / "repo", server)
    team.commit("Begin", **{name: "stages: {}\n"})
    pinned = ["--version", "1", "--digest", f"sha256:{'0' * 64}"]
    fetch = ["fetch", name, *pinned, "--to", "files"]
    failed = run(installed, team, *fetch, uri=server, expect=1).stderr
    assert ".whl[s3]'" in failed
