"""Commands that read part of a history, or make the index, on random histories."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import pytest

from mlflow_gitops.app.planning.lines import LineReader
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.cli import main
from mlflow_gitops.commands import log, show
from mlflow_gitops.settings import Settings
from tests.support.git_histories import Repo, random_history

EXAMPLES = int(os.environ.get("MLFLOW_GITOPS_TEST_EXAMPLES", "3"))


def printed(capsys: pytest.CaptureFixture[str], folder: Path, *arguments: str) -> list[str]:
    return run(capsys, folder, "log", "--format", "jsonl", *arguments)


def run(capsys: pytest.CaptureFixture[str], folder: Path, *arguments: str) -> list[str]:
    assert main(["--repo", str(folder), "--main", "main", *arguments]) == 0
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("seed", range(3))
def test_the_newest_events_are_the_last_of_all(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
) -> None:
    monkeypatch.setattr(log, "_COMMITS_AN_EVENT", (1, 2))
    Repo(tmp_path).build(random_history(random.Random(500 + seed), 14))
    whole = printed(capsys, tmp_path)
    for number in (1, 2, 5, len(whole) + 1):
        assert printed(capsys, tmp_path, "-n", str(number)) == whole[-number:]


def test_a_plan_of_the_main_line_makes_the_index(tmp_path: Path) -> None:
    repo = Repo(tmp_path)
    repo.build(random_history(random.Random(5), 8))
    tip = repo.git("rev-parse", "main")
    settings = Settings(repo=tmp_path, main="main")
    folder = tmp_path / ".git" / "mlflow-gitops"
    expected = LineReader(Workspace(settings.git_alone)).to_commit(tip)
    assert not folder.exists()
    for _ in ("made", "used"):
        line = LineReader(Workspace(settings)).to_commit(tip)
        assert line.changes == expected.changes and line.shas == expected.shas
    assert list(folder.iterdir())


@pytest.mark.parametrize("seed", range(3))
def test_the_events_since_a_commit_are_the_last_of_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], seed: int
) -> None:
    """Also from where a manifest could not be read, so that its earlier states matter."""
    repo = Repo(tmp_path)
    repo.build(random_history(random.Random(700 + seed), 14))
    whole = printed(capsys, tmp_path)
    for commits in (1, 2, 4, 7):
        since = repo.git("rev-parse", f"main~{commits}")
        later = repo.git("rev-list", "--first-parent", f"{since}..main").splitlines()
        expected = [line for line in whole if json.loads(line)["commit"] in later]
        assert printed(capsys, tmp_path, "--since", since) == expected


@pytest.mark.parametrize("seed", range(EXAMPLES))
def test_the_last_commits_say_what_all_models_declared(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
) -> None:
    """However few of them are looked at: what is older is read of the models that need it."""
    repo = Repo(tmp_path)
    repo.build(random_history(random.Random(900 + seed), 14))
    run(capsys, tmp_path, "log")
    shas = repo.git("rev-list", "--first-parent", "main").splitlines()
    for sha in random.Random(seed).sample(shas, min(5, len(shas))):
        moment = ("show", "--format", "json", "--at", sha)
        expected = run(capsys, tmp_path, "--no-index", *moment)
        for commits in (1, 3):
            monkeypatch.setattr(show, "_COMMITS", commits)
            assert run(capsys, tmp_path, *moment) == expected
