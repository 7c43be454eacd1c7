"""Where the list of files behind a pinned digest is found: this machine's cache, or a receipt."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlflow_gitops.app.file_lists import FileLists
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.audit.receipt_format import receipt_text, recorded_outcome
from mlflow_gitops.core.plan.outcome import Outcome
from mlflow_gitops.core.recorded.file_digests import FileDigest, ModelFiles
from mlflow_gitops.core.recorded.file_lists import MOST_KEPT
from mlflow_gitops.edges.system import cache
from mlflow_gitops.settings import Settings
from tests.support.git_histories import Repo
from tests.support.receipts import record

FILES = ModelFiles((FileDigest("MLmodel", 1, "a" * 64), FileDigest("model.pkl", 9, "b" * 64)))


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    repo = Repo(tmp_path / "repo")
    repo.commit(files={"registry/models/m.yaml": "name: m\nstages: {}\n"})
    return Workspace(Settings(repo=repo.folder))


def recorded(workspace: Workspace, files: ModelFiles) -> None:
    """Leave a receipt of a reconcile that compared these files."""
    commit = workspace.git.resolve("HEAD")
    outcome = Outcome("m", "applied", compared_files={1: files.digest}, files=(files,))
    model = recorded_outcome(outcome)
    content = {"at": "2026-01-02T03:04:05Z", "models": [model], "commit": commit}
    record(workspace.git, commit, receipt_text(content, None))


def test_nothing_is_known_at_first(workspace: Workspace) -> None:
    assert FileLists(workspace).find(FILES.digest) is None


def test_a_receipt_names_the_files_that_were_compared(workspace: Workspace) -> None:
    recorded(workspace, FILES)
    assert FileLists(workspace).find(FILES.digest) == FILES
    assert FileLists(workspace).find("sha256:" + "0" * 64) is None


def test_a_receipt_keeps_no_endless_list(workspace: Workspace) -> None:
    many = ModelFiles(
        tuple(FileDigest(f"f{number}", 1, "a" * 64) for number in range(MOST_KEPT + 1))
    )
    recorded(workspace, many)
    assert FileLists(workspace).find(many.digest) is None


def test_the_cache_is_asked_first_and_may_be_broken(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cache.keep_list(FILES)
    assert FileLists(workspace).find(FILES.digest) == FILES
    [kept] = (Path(cache._file("files", "x")).parent).iterdir()
    for content in ("", "[", "[]", '[["MLmodel",1,"aa"]]', "\ud800"):
        kept.write_text(content, "utf-8", "surrogatepass")
        assert FileLists(workspace).find(FILES.digest) is None
    (tmp_path / "file").touch()
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "file" / "below"))
    cache.keep_list(FILES)
    assert FileLists(workspace).find(FILES.digest) is None
