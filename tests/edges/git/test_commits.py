"""Commits are made in the named repository alone, whatever its kind and whatever surrounds it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mlflow_gitops.edges.git.commits import (
    check_can_commit,
    commit_edit,
    commit_without_checkout,
    push,
    replace_branch,
)
from mlflow_gitops.edges.git.repository import Git
from mlflow_gitops.errors import GitFailure
from tests.support.git_histories import ISOLATED, REGISTRY, Repo

ALPHA = f"{REGISTRY}/models/alpha.yaml"
BEFORE, AFTER = b"name: alpha\nstages: {Production: 1}\n", b"name: alpha\nstages: {Production: 2}\n"


@pytest.fixture(autouse=True)
def own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", ISOLATED["GIT_CONFIG_GLOBAL"])
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "A Person")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "a@example.org")


@pytest.fixture(params=["sha1", "sha256"])
def repo(request: pytest.FixtureRequest, tmp_path: Path) -> Repo:
    repo = Repo(tmp_path / "repo", f"--object-format={request.param}")
    repo.commit(files={ALPHA: BEFORE.decode()})
    return repo


def test_an_edit_is_committed_on_a_new_branch_and_pushed(repo: Repo, tmp_path: Path) -> None:
    remote = Repo(tmp_path / "remote.git", "--bare", f"--object-format={_object_format(repo)}")
    repo.git("remote", "add", "origin", str(remote.folder))
    git = Git(repo.folder)
    check_can_commit(git, ALPHA, "promote")
    made = commit_edit(git, ALPHA, BEFORE, AFTER, "Promote alpha", "promote")
    push(git, "origin", "promote")
    assert git.branch() == "promote"
    assert Git(remote.folder).ref("refs/heads/promote") == made == git.resolve("HEAD")


def test_a_commit_without_a_checkout_changes_one_file(repo: Repo, tmp_path: Path) -> None:
    remote = Repo(tmp_path / "remote.git", "--bare", f"--object-format={_object_format(repo)}")
    repo.git("remote", "add", "origin", str(remote.folder))
    git, head = Git(repo.folder), repo.git("rev-parse", "HEAD")
    made = commit_without_checkout(git, head, ALPHA, AFTER, "Follow")
    assert repo.git("diff", "--name-only", head, made) == ALPHA
    assert repo.git("rev-parse", "HEAD") == head and git.dirty_paths([ALPHA]) == []
    replace_branch(git, "origin", "follow", None, made)
    assert Git(remote.folder).ref("refs/heads/follow") == made
    with pytest.raises(GitFailure, match="follow could not be pushed to origin"):
        replace_branch(git, "origin", "follow", None, head)


def test_the_variables_of_a_surrounding_hook_lead_nowhere(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Repo(tmp_path / "other")
    other_head = other.commit("Elsewhere", {"x": "y"})
    for name, path in (("DIR", ""), ("INDEX_FILE", "/index"), ("OBJECT_DIRECTORY", "/objects")):
        monkeypatch.setenv(f"GIT_{name}", f"{other.folder}/.git{path}")
    git = Git(repo.folder)
    made = commit_edit(git, ALPHA, BEFORE, AFTER, "Promote alpha", None)
    for name in ("DIR", "INDEX_FILE", "OBJECT_DIRECTORY"):
        monkeypatch.delenv(f"GIT_{name}")
    assert repo.git("diff", "--name-only", f"{made}~", made) == ALPHA
    assert repo.git("status", "--porcelain") == "" and other.git("status", "--porcelain") == ""
    assert other.git("rev-parse", "HEAD") == other_head


def test_a_signature_that_fails_leaves_everything_as_it_was(repo: Repo) -> None:
    repo.git("config", "commit.gpgSign", "true")
    repo.git("config", "gpg.program", "false")
    git, head = Git(repo.folder), repo.git("rev-parse", "HEAD")
    with pytest.raises(GitFailure, match="Nothing was changed, since the commit was refused"):
        commit_edit(git, ALPHA, BEFORE, AFTER, "Promote alpha", "promote")
    assert git.branch() == "main" and git.ref("refs/heads/promote") is None
    assert git.resolve("HEAD") == head and git.dirty_paths([ALPHA]) == []


def _object_format(repo: Repo) -> str:
    return repo.git("rev-parse", "--show-object-format")
