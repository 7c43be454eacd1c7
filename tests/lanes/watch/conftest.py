"""A team with a bare repository, and a watcher's clone of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.team import GIT_ENVIRONMENT, Team
from tests.support.watch.rounds import Rounds

POLICY = "stages: {Staging: {alias: staging}, Production: {alias: production}}\n"


@pytest.fixture
def uri(tmp_path: Path, blank_registry: Callable[[Path], str]) -> str:
    return blank_registry(tmp_path / "mlflow.db")


@pytest.fixture
def team(tmp_path: Path, uri: str) -> Team:
    """A clone that people push from; the watcher's clone fetches from the same bare repository."""
    made = Team(tmp_path / "people", uri)
    made.write("policy.yaml", POLICY)
    made.commit("Rules")
    made.git("clone", "-q", "--bare", str(made.folder), str(tmp_path / "bare.git"))
    made.git("remote", "add", "origin", str(tmp_path / "bare.git"))
    return made


@pytest.fixture
def watcher_clone(team: Team, tmp_path: Path) -> Team:
    team.git("clone", "-q", str(tmp_path / "bare.git"), str(tmp_path / "watcher"))
    clone = Team.__new__(Team)
    clone.folder, clone.uri = tmp_path / "watcher", team.uri
    return clone


@pytest.fixture
def rounds(watcher_clone: Team, monkeypatch: pytest.MonkeyPatch) -> Rounds:
    for key in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(key, GIT_ENVIRONMENT[key])
    return Rounds(watcher_clone)
