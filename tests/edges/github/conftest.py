"""A clone of a repository on the GitHub of the tests, whose people have write permission."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.github.desk import OTHER, Desk
from tests.support.github_api import GitHubAPI
from tests.support.github_state import Repository


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    repository = Repository(tmp_path)
    for login in ("alice", "bob", "carol"):
        repository.user(login, "write", mails=(f"{login}@example.org",))
    repository.user("reader", "read")
    with GitHubAPI(repository).serving() as api:
        for key, value in api.environment().items():
            monkeypatch.setenv(key, value)
        subprocess.run(
            ["git", "clone", "-q", str(repository.path), str(tmp_path / "desk")],
            check=True,
            capture_output=True,
        )
        made = Desk(api, tmp_path / "desk")
        made.git("checkout", "-q", "-B", "main")
        made.commit("first\n", "First")
        made.commit("first\n", "Other", file=OTHER)
        made.push("main")
        made.git("fetch", "-q", "origin")
        yield made
