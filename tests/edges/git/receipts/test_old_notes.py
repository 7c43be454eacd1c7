"""Receipts in git notes, as earlier versions kept them: they are read until a run takes them
over."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlflow_gitops.core.audit.receipt_format import receipt_text
from mlflow_gitops.core.audit.receipts import Receipt, broken_links, newest
from mlflow_gitops.edges.git.receipts.branch import ReceiptsBranch
from mlflow_gitops.edges.git.receipts.writer import ReceiptsWriter
from mlflow_gitops.edges.git.repository import Git
from tests.support.git_histories import Repo
from tests.support.receipts import NOTES, RECEIPTS_REF, receipts_in

NOTES_REF = "refs/notes/mlflow-gitops"


def old_line(second: int, previous: str | None, **content: object) -> str:
    old = {"at": f"2025-01-01T00:00:{second:02}Z", "schema": 2, **content, "previous": previous}
    return json.dumps(old, separators=(",", ":"))


def fill(repo: Repo, *, names_commit: bool = True) -> list[Receipt]:
    """Notes on two commits: a chain of three receipts, and what people wrote."""
    commits = [repo.commit("One", {"a": "1"}), repo.commit("Two", {"a": "2"})]
    lines: dict[str, list[str]] = {commit: ["Seen."] for commit in commits}
    previous = None
    for second, commit in enumerate((commits[0], commits[1], commits[1])):
        naming = {"commit": commit} if names_commit else {}
        line = old_line(second, previous, **naming)
        previous = Receipt(commit, line, {}).digest
        lines[commit].append(line)
    for commit, text in lines.items():
        repo.git(*NOTES, "add", "-m", "\n".join(text), commit)
    return receipts_in(repo.folder)


def write(repo: Repo, second: int) -> int:
    writer = ReceiptsWriter(ReceiptsBranch.of_repository(Git(repo.folder)))
    commit = repo.git("rev-parse", "HEAD")
    content = {"at": f"2026-01-01T00:00:{second:02}Z", "commit": commit}
    text = receipt_text(content, newest(writer.branch.receipts()))
    return writer.add(Receipt(commit, text, content), "A run")


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return Repo(tmp_path / "repo")


@pytest.mark.parametrize("names_commit", [True, False])
def test_the_first_run_takes_them_over_byte_for_byte(repo: Repo, names_commit: bool) -> None:
    old = fill(repo, names_commit=names_commit)
    assert len(old) == 3
    assert write(repo, 1) == 3
    subjects = repo.git("log", "--format=%s", RECEIPTS_REF).splitlines()
    assert subjects == ["A run", "Take over 3 receipts from git notes"]
    receipts = receipts_in(repo.folder)
    assert receipts[:3] == old and len(receipts) == 4 and broken_links(receipts) == []
    assert receipts[3].previous == old[2].digest

    assert write(repo, 2) == 0, "once"
    repo.git("update-ref", "-d", NOTES_REF)
    assert receipts_in(repo.folder)[:3] == old


def test_notes_count_no_longer_then(repo: Repo) -> None:
    fill(repo)
    write(repo, 1)
    repo.git(*NOTES, "add", "-f", "-m", old_line(9, None), "HEAD")
    assert len(receipts_in(repo.folder)) == 4


def test_notes_of_the_remote_are_fetched_and_taken_over(repo: Repo, tmp_path: Path) -> None:
    old = fill(repo)
    bare, other = Repo(tmp_path / "bare.git", "--bare"), Repo(tmp_path / "other")
    for clone in (repo, other):
        clone.git("remote", "add", "origin", str(bare.folder))
    repo.git("push", "-q", "origin", "main", NOTES_REF)
    other.git("pull", "-q", "origin", "main")
    writers = []
    for clone in (repo, other):
        writer = ReceiptsWriter(ReceiptsBranch.of_repository(Git(clone.folder)))
        writer.fetch()
        assert receipts_in(clone.folder) == old
        writers.append(writer)

    # Both take them over, and the second one's commit for that is not made anew.
    assert [write(clone, second) for second, clone in enumerate((repo, other), 1)] == [3, 3]
    for writer in writers:
        writer.push()
    receipts = receipts_in(other.folder)
    assert len(receipts) == 5 and receipts[:3] == old and receipts == receipts_in(bare.folder)
    subjects = other.git("log", "--format=%s", RECEIPTS_REF).splitlines()
    assert subjects == ["A run", "A run", "Take over 3 receipts from git notes"]
