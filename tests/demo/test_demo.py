"""The demo, run for real."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mlflow_gitops.commands import demo
from mlflow_gitops.errors import Failure
from mlflow_gitops.installation import install_command
from mlflow_gitops.settings import Settings
from tests.support.team import Team


def run_demo(folder: Path, home: Path) -> subprocess.CompletedProcess[str]:
    """Run the demo as someone whose git signs with no key, runs hooks that fail, and knows no
    identity, and whose MLflow is elsewhere."""
    hooks = home / "hooks"
    hooks.mkdir(parents=True, exist_ok=True)
    for hook in ("pre-commit", "commit-msg", "post-commit", "pre-push"):
        (hooks / hook).write_text("#!/bin/sh\necho hooked >&2\nexit 1\n")
        (hooks / hook).chmod(0o755)
    (home / ".gitconfig").write_text(
        f"[commit]\n\tgpgsign = true\n[core]\n\thooksPath = {hooks}\n[init]\n\tdefaultBranch ="
        " trunk\n[user]\n\tuseConfigOnly = true\n[color]\n\tui = always\n[notes]\n\trewriteRef ="
        " refs/notes/*\n"
    )
    env = {
        key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "MLFLOW_"))
    }
    env |= {
        "HOME": str(home),
        "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
        "MLFLOW_GITOPS_REGISTRY_DIR": "registry",
    }
    command = [sys.executable, "-m", "mlflow_gitops", "demo", str(folder)]
    return subprocess.run(
        command, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )


@pytest.mark.real
@pytest.mark.weekly
def test_the_demo_runs_twice(tmp_path: Path) -> None:
    folder = tmp_path / "story"
    for _ in range(2):
        completed = run_demo(folder, tmp_path / "home")
        assert completed.returncode == 0, completed.stdout[-2000:] + completed.stderr[-2000:]
        assert "hooked" not in completed.stderr
        for step in (
            "validate",
            "plan",
            "reconcile --yes",
            "status",
            "status --exit-code",
            "log iris-species",
            "verify",
        ):
            assert f"$ mlflow-gitops {step}\n" in completed.stdout
        assert "adopted: MLflow shows it already" in completed.stdout
        assert (
            "in Staging, until" in completed.stdout
            and "overridden: nothing depends on it yet" in completed.stdout
        )
        assert "3 may not enter Production: accuracy 0.9722 is worse than 2's 1" in completed.stdout
        assert "drift: 2 was moved to Archived in MLflow" in completed.stdout
        assert "models:/iris-species/Production    version 2 answers" in completed.stdout
        assert "models:/wine-cultivar/Production   version 2 answers" in completed.stdout
        assert "models:/iris-species@production    version 1 answers" in completed.stdout
        assert "Verified 3 models by 4 receipts: all explained" in completed.stdout
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    stages = {
        int(v.version): v.current_stage
        for v in client.search_model_versions("name = 'iris-species'")
    }
    assert stages == {1: "Production", 2: "Archived", 3: "None"}
    [first] = client.search_model_versions("name = 'wine-cultivar' and version_number = 1")
    run = client.get_run(first.run_id)
    assert (
        run.inputs.dataset_inputs
        and client.get_logged_model(first.source.rpartition("/")[2]).metrics
    )
    team = Team.__new__(Team)
    team.folder, team.uri = folder, f"sqlite:///{folder / 'mlflow.db'}"
    assert team.run("status", "--exit-code").code == 0


@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_is_not_the_demos_is_left_alone(tmp_path: Path, what: str) -> None:
    mine = tmp_path / "mine"
    if what == "folder":
        mine.mkdir()
        (mine / "thesis.txt").write_text("years of work")
    else:
        mine.write_text("years of work")
    completed = run_demo(mine, tmp_path / "home")
    assert (
        completed.returncode == 1
        and "Name another" in completed.stderr
        and "Traceback" not in completed.stderr
    )
    kept = mine / "thesis.txt" if what == "folder" else mine
    assert kept.read_text() == "years of work"


@pytest.mark.parametrize("missing", ["sql", "demo"])
def test_the_demo_says_what_is_not_installed(
    missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "has_extra", lambda extra: extra != missing)
    with pytest.raises(Failure, match=re.escape(install_command("demo"))):
        demo.run(Settings(), tmp_path / "story", lambda arguments: 0)
    assert not (tmp_path / "story").exists()
