"""What one process remembers of git: what never changes, and nothing longer than it holds."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from mlflow_gitops.core.audit.receipt_format import receipt_text
from mlflow_gitops.core.audit.receipts import Receipt
from mlflow_gitops.edges.git.blobs import KnownBlobs
from mlflow_gitops.edges.git.receipts.branch import ReceiptsBranch
from mlflow_gitops.edges.git.receipts.one_moment import one_moment
from mlflow_gitops.edges.git.receipts.writer import ReceiptsWriter
from mlflow_gitops.edges.git.repository import Git
from mlflow_gitops.errors import GitFailure
from tests.support.git_histories import Repo
from tests.support.repositories.git_processes import git_processes


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    made = Repo(tmp_path / "repo")
    made.commit()
    return made


def record(git: Git, commit: str) -> None:
    """What another process does: it has a `ReceiptsBranch` of its own."""
    content = {"commit": commit, "at": "2026-01-01T00:00:00.000Z"}
    receipt = Receipt(commit, receipt_text(content, None), content)
    ReceiptsWriter(ReceiptsBranch(Git(git.top), None)).add(receipt, "One")


# -- names -----------------------------------------------------------------------------------------


def test_a_name_is_resolved_by_one_question_as_long_as_it_means_one_commit(repo: Repo) -> None:
    git = Git(repo.folder)
    repo.git("tag", "main")
    with git_processes() as started:
        tip = git.resolve("main")
    assert len(started) == 1

    newer = repo.commit()
    with pytest.raises(GitFailure, match="main is ambiguous: it is the tag main"):
        git.resolve("main")
    assert git.resolve("refs/heads/main") == newer and git.resolve("refs/tags/main") == tip


@pytest.mark.parametrize("setting", ["true", "false"])
def test_no_setting_makes_the_name_of_the_main_branch_that_of_a_tag(
    repo: Repo, setting: str
) -> None:
    repo.git("config", "core.warnAmbiguousRefs", setting)
    repo.git("tag", "main")
    newer = repo.commit()
    git = Git(repo.folder)
    assert git.main_ref(None) == "heads/main" and git.resolve("heads/main") == newer


# -- a line of commits -----------------------------------------------------------------------------


def test_the_line_to_a_commit_is_listed_once(repo: Repo) -> None:
    git = Git(repo.folder)
    tip = git.resolve("main")
    with git_processes() as started:
        first, second = git.first_parent_line(tip), git.first_parent_line(tip)
    assert len(started) == 1 and first == second

    first.shas.append("changed")  # by a caller that goes on with its line
    assert git.first_parent_line(tip) == second


@pytest.mark.parametrize("branch", ["main", "x" * 40, "y" * 64])
def test_the_line_to_a_branch_is_listed_anew(repo: Repo, branch: str) -> None:
    git = Git(repo.folder)
    repo.git("update-ref", f"refs/heads/{branch}", git.resolve("HEAD"))
    before = git.first_parent_line(branch)
    newer = repo.commit()
    repo.git("update-ref", f"refs/heads/{branch}", newer)
    assert git.first_parent_line(branch).shas == [*before.shas, newer]


def test_a_fetch_may_deepen_a_line(repo: Repo, tmp_path: Path) -> None:
    tip = repo.commit()
    command = ["git", "clone", "-q", "--depth=1", repo.folder.as_uri(), str(tmp_path / "clone")]
    subprocess.run(command, check=True, capture_output=True)
    git = Git(tmp_path / "clone")
    assert git.first_parent_line(tip).shas == [tip]
    git.output("fetch", "--unshallow", "--quiet")
    git.fetch()
    assert len(git.first_parent_line(tip).shas) == 2


# -- the receipts of one moment --------------------------------------------------------------------


def test_a_moment_has_the_receipts_of_its_first_question(repo: Repo) -> None:
    git = Git(repo.folder)
    branch = ReceiptsBranch(git, None)
    tip = git.resolve("main")
    with one_moment(), git_processes() as started:
        assert branch.receipts() == [] and branch.commits() == set()
        assert len(started) == 1
        record(git, tip)
        assert branch.receipts() == [] and branch.tips() == []
        assert branch.refs(), "what a writer asks is asked anew"

    assert [receipt.commit for receipt in branch.receipts()] == [tip]
    assert branch.commits() == {tip[:12]}


def test_each_moment_asks_anew_and_an_inner_one_too(repo: Repo) -> None:
    git = Git(repo.folder)
    branch = ReceiptsBranch(git, None)
    tip = git.resolve("main")
    with one_moment():
        assert branch.tips() == []
        record(git, tip)
        with one_moment():
            assert len(branch.tips()) == 1
        assert branch.tips() == []
    with one_moment():
        assert len(branch.tips()) == 1


def test_a_moment_is_of_one_branch_and_one_repository(repo: Repo, tmp_path: Path) -> None:
    git, other = Git(repo.folder), Repo(tmp_path / "other")
    other.commit()
    record(git, git.resolve("main"))
    with one_moment():
        assert ReceiptsBranch(git, None, "elsewhere").tips() == []
        assert ReceiptsBranch(Git(other.folder), None).tips() == []
        assert len(ReceiptsBranch(git, None).tips()) == 1


# -- contents --------------------------------------------------------------------------------------


def test_a_content_is_read_once_and_limits_still_hold(repo: Repo) -> None:
    git = Git(repo.folder)
    small, large = (git.output("hash-object", "-w", "--stdin", feed=text) for text in "ab")
    missing = "0" * 40
    with git_processes() as started:
        for _ in range(2):
            assert git.blobs([small, missing])[small] == b"a"
    assert sum("cat-file" in command for command in started) == 2, "the missing one is asked again"
    with git_processes() as started:
        assert git.blobs([small]) == {small: b"a"} and not started
        assert git.blobs([small], limit=0) == {}
    assert git.blobs([large, small]) == {large: b"b", small: b"a"}


def test_only_so_much_is_kept() -> None:
    known = KnownBlobs()
    known.add({"a": b"x" * (1 << 19), "b": b"y" * (1 << 20), "c": b"z" * (1 << 19), "d": b"!"})
    assert known.of("abcd", None).keys() == {"a", "c"}
    known.add({"a": b"", "e": b""})
    assert known.of("ae", None) == {"a": b"x" * (1 << 19), "e": b""}
    assert known.of("ae", 5) == {"e": b""}
