"""Partial clones: what is missing is fetched at once, not object by object."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from mlflow_gitops.core.manifests.registry_folder import RegistryFolder
from mlflow_gitops.edges.git.partial_clone import may_be_partial
from mlflow_gitops.edges.git.repository import Git
from mlflow_gitops.errors import GitFailure
from tests.support.receipts import receipts_in, record
from tests.support.team import GIT_ENVIRONMENT

REGISTRY = RegistryFolder("registry")
CHANGES, MODELS = 12, 15
FILTERS = ("blob:none", "tree:0")
FETCHES = 3


def git(folder: Path, *args: str) -> str:
    done = subprocess.run(
        ["git", *args],
        cwd=folder, env=os.environ | GIT_ENVIRONMENT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()


@pytest.fixture
def origin(tmp_path: Path, made_origin: Path) -> Path:
    bare = tmp_path / "origin.git"
    shutil.copytree(made_origin, bare)
    return bare


@pytest.fixture(scope="module")
def made_origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What each test has a copy of: a history of `CHANGES` commits, a merge, receipts, and
    `MODELS` models in its first commit."""
    folder = tmp_path_factory.mktemp("made")
    repo = folder / "repo"
    models = repo / "registry" / "models"
    models.mkdir(parents=True)
    git(repo, "init", "-q", "-b", "main")
    for number in range(MODELS):
        (models / f"m{number}.yaml").write_text(f"name: m{number}\nstages: {{}}\n")
    for number in range(CHANGES):
        (models / "m.yaml").write_text(f"name: m\nstages: {{}}\n# {number}\n")
        git(repo, "add", "-A")
        git(repo, "commit", "-q", "-m", f"Change {number}")
        at = f"2026-01-01T00:00:{number:02}Z"
        record(Git(repo), git(repo, "rev-parse", "HEAD"), f'{{"at": "{at}"}}')
    git(repo, "switch", "-q", "-c", "topic", "HEAD~3")
    for number in range(3):
        (models / "other.yaml").write_text(f"name: other\nstages: {{}}\n# {number}\n")
        git(repo, "add", "-A")
        git(repo, "commit", "-q", "-m", f"Topic {number}")
    git(repo, "switch", "-q", "main")
    git(repo, "merge", "-q", "--no-ff", "-m", "Merge", "topic")
    (models / "m0.yaml").unlink()
    for number in range(1, MODELS):
        (models / f"m{number}.yaml").write_text(f"name: m{number}\nstages: {{}}\n# later\n")
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", "Later")

    bare = folder / "origin.git"
    git(folder, "clone", "-q", "--mirror", str(repo), str(bare))
    git(bare, "config", "uploadpack.allowFilter", "true")
    git(bare, "config", "uploadpack.allowAnySHA1InWant", "true")
    return bare


class CountedClone:
    """A clone whose fetches are counted."""

    def __init__(self, origin: Path, folder: Path, *options: str) -> None:
        self._log = folder.with_suffix(".log")
        program = folder.with_suffix(".sh")
        program.write_text(f'#!/bin/sh\necho x >> "{self._log}"\nexec git-upload-pack "$@"\n')
        program.chmod(0o755)
        git(folder.parent, "clone", "-q", *options, origin.as_uri(), folder.name)
        git(folder, "config", "remote.origin.uploadpack", str(program))
        self._log.unlink(missing_ok=True)
        self.git = Git(folder)

    @property
    def fetches(self) -> int:
        return len(self._log.read_text().split()) if self._log.exists() else 0


@pytest.fixture(params=FILTERS)
def clone(origin: Path, tmp_path: Path, request: pytest.FixtureRequest) -> CountedClone:
    return CountedClone(origin, tmp_path / "clone", f"--filter={request.param}")


def test_a_whole_history(clone: CountedClone) -> None:
    contents: dict[str, bytes | None] = {}
    line = clone.git.line(
        "main",
        REGISTRY,
        lambda path: True,
        lambda path, blob, content: contents.update({blob: content}),
    )
    assert len(line.shas) == CHANGES + 2 and None not in contents.values()
    assert len(contents) == CHANGES + 2 * MODELS - 1 + 1
    merged = clone.git.merged_commits(line, line.merges, REGISTRY)
    assert [commit.commit.subject for commit in merged[CHANGES]] == [
        "Topic 2", "Topic 1", "Topic 0",
    ]  # fmt: skip
    assert clone.fetches <= FETCHES


def test_the_files_of_an_earlier_commit(clone: CountedClone) -> None:
    files = list(clone.git.files_at("main~1", REGISTRY))
    assert len(files) == MODELS + 2 and all(file.data for file in files)
    assert clone.fetches <= FETCHES


def test_receipts(clone: CountedClone) -> None:
    assert len(receipts_in(clone.git.top)) == CHANGES
    assert clone.fetches <= FETCHES


def test_single_blobs(clone: CountedClone) -> None:
    blobs = [
        git(clone.git.top, "rev-parse", f"main~{i}:registry/models/m.yaml") for i in range(2, 8)
    ]
    before = clone.fetches
    assert len(clone.git.blobs(blobs)) == 6 and clone.fetches - before <= 1
    assert len(clone.git.blobs(blobs)) == 6 and clone.fetches - before <= 1


def test_a_remote_that_is_gone(clone: CountedClone, origin: Path) -> None:
    blob = git(origin, "rev-parse", "main~5:registry/models/m.yaml")
    origin.rename(origin.with_name("away.git"))
    with pytest.raises(GitFailure, match="1 object missing in this partial clone"):
        clone.git.blobs([blob])


def test_a_whole_clone_fetches_nothing(origin: Path, tmp_path: Path) -> None:
    clone = CountedClone(origin, tmp_path / "whole")
    clone.git.line("main", REGISTRY, lambda path: True)
    assert not clone.git.partial.is_partial and clone.fetches == 0
    git(clone.git.top, "config", "note.about", "the promisor of old")
    assert not may_be_partial(clone.git.top / ".git")


@pytest.mark.parametrize("place", ["config", "included", "config.worktree"])
def test_the_settings_of_a_partial_clone_may_be_in_any_file(
    clone: CountedClone, place: str
) -> None:
    git_dir = clone.git.top / ".git"
    if place != "config":
        for key in ("promisor", "partialclonefilter"):
            git(clone.git.top, "config", "--unset", f"remote.origin.{key}")
        git(clone.git.top, "config", "--file", str(git_dir / place), "remote.origin.promisor", "1")
        git(clone.git.top, "config", "extensions.worktreeConfig", "true")
        git(clone.git.top, "config", "include.path", "included")
    assert may_be_partial(git_dir) and clone.git.partial.is_partial
