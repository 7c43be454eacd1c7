"""A clone of a repository on the GitHub of the tests, whose people have write permission."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.github.desk import OTHER, Desk
from tests.support.github_api import GitHubAPI
from tests.support.github_state import Repository
from tests.support.team import Team


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What each test has a copy of: the repository and a clone, with two commits on main."""
    folder = tmp_path_factory.mktemp("desk")
    made = Desk(GitHubAPI(Repository(folder)), folder / "desk")
    Team(made.folder, "")
    made.git("remote", "add", "origin", str(made.repo.path))
    made.commit("first\n", "First")
    made.commit("first\n", "Other", file=OTHER)
    made.push("main")
    made.git("fetch", "-q", "origin")
    return folder


@pytest.fixture
def desk(tmp_path: Path, prepared: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    shutil.copytree(prepared, tmp_path, dirs_exist_ok=True)
    repository = Repository(tmp_path)
    for login in ("alice", "bob", "carol"):
        repository.user(login, "write", mails=(f"{login}@example.org",))
    repository.user("reader", "read")
    Team(tmp_path / "desk", "").point_origin_at(repository.path)
    with GitHubAPI(repository).serving() as api:
        for key, value in api.environment().items():
            monkeypatch.setenv(key, value)
        yield Desk(api, tmp_path / "desk")
