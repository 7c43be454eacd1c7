"""What counts as a receipt, and what later commits of the branch did to it (RULES R6)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlflow_gitops.core.audit.receipt_format import receipt_text
from mlflow_gitops.edges.git.receipts.branch import ReceiptsBranch
from mlflow_gitops.edges.git.repository import Git
from tests.support.git_histories import Repo
from tests.support.receipts import (
    RECEIPTS_REF,
    add_receipt,
    delete_receipt,
    drop_receipts,
    edit_receipt,
    receipts_in,
    record,
)

OWNER = "a" * 40 + ":registry"


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    made = Repo(tmp_path / "repo")
    made.commit("One", {"a": "1"})
    return made


def text_at(second: int, commit: str, **content: object) -> str:
    at = f"2026-01-02T03:04:{second:02}.000Z"
    return receipt_text({"at": at, "owner": OWNER, "commit": commit, **content}, None)


def fill(repo: Repo, count: int = 2) -> list[str]:
    commit = repo.git("rev-parse", "HEAD")
    texts = [text_at(second, commit) for second in range(count)]
    for text in texts:
        record(Git(repo.folder), commit, text)
    return texts


def altered(repo: Repo) -> list[tuple[str, str]]:
    stored = ReceiptsBranch.of_repository(Git(repo.folder)).read()
    return [(change.action, change.path) for change in stored.altered]


def test_a_file_a_run_by_environment_and_time(repo: Repo) -> None:
    fill(repo, 1)
    commit = repo.git("rev-parse", "HEAD")
    record(Git(repo.folder), commit, text_at(9, commit, owner=f"{OWNER}:prod"))
    one, two = receipts_in(repo.folder)
    assert repo.git("ls-tree", "-r", "--name-only", RECEIPTS_REF).splitlines() == [
        f"default/2026/01/02/030400Z-{commit[:12]}-{one.digest[:12]}.json",
        f"prod/2026/01/02/030409Z-{commit[:12]}-{two.digest[:12]}.json",
    ]
    assert repo.git("log", "--format=%s", RECEIPTS_REF).splitlines() == ["A run", "A run"]
    assert ReceiptsBranch.of_repository(Git(repo.folder)).commits() == {commit[:12]}


@pytest.mark.parametrize("owner", ["x:y:../..", "x:y:", "x:y:a/b", "x:y:.git", None, "x:y:z:u"])
def test_an_owner_names_no_folder_of_its_own(repo: Repo, owner: object) -> None:
    commit = repo.git("rev-parse", "HEAD")
    record(Git(repo.folder), commit, text_at(1, commit, owner=owner))
    assert repo.git("ls-tree", "--name-only", RECEIPTS_REF) == "default"
    assert len(receipts_in(repo.folder)) == 1


def test_what_was_changed_or_deleted_still_counts_and_is_named(repo: Repo) -> None:
    texts = fill(repo)
    first, second = receipts_in(repo.folder)
    edit_receipt(repo.folder, first, '"schema": 3', '"schema": 4')
    delete_receipt(repo.folder, second)
    assert [receipt.text for receipt in receipts_in(repo.folder)] == texts
    assert [action for action, _ in altered(repo)] == ["deleted", "changed"]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"at": 1}', "\udcff", json.dumps({"at": "2026-01-01T00:00:00Z"})],
)
def test_a_file_that_is_not_the_receipt_of_its_name_is_named(repo: Repo, text: str) -> None:
    fill(repo, 1)
    path = "default/2026/01/02/030400Z-aaaaaaaaaaaa-bbbbbbbbbbbb.json"
    data = text.encode("utf-8", "surrogateescape")
    (repo.folder / "odd").write_bytes(data)
    blob = repo.git("hash-object", "-w", "odd")
    tip = Git(repo.folder).ref(RECEIPTS_REF)
    from mlflow_gitops.edges.git.receipts.writing import commit_files

    repo.git("update-ref", RECEIPTS_REF, commit_files(Git(repo.folder), tip, {path: blob}, "x"))
    assert len(receipts_in(repo.folder)) == 1 and altered(repo) == [("forged", path)]


@pytest.mark.parametrize("path", ["README.md", "default/notes.json", "a b/ü\n\t.json"])
def test_other_files_are_for_people(repo: Repo, path: str) -> None:
    fill(repo, 1)
    add_receipt(repo.folder, "{}", path=path)
    add_receipt(repo.folder, "{ }", path=path)
    assert len(receipts_in(repo.folder)) == 1 and altered(repo) == []


def test_receipts_of_both_sides_of_a_merge(repo: Repo) -> None:
    texts = fill(repo, 1)
    base = repo.git("rev-parse", RECEIPTS_REF)
    commit = repo.git("rev-parse", "HEAD")
    sides = []
    for second in (5, 6):
        repo.git("update-ref", RECEIPTS_REF, base)
        texts.append(text_at(second, commit))
        record(Git(repo.folder), commit, texts[-1])
        sides.append(repo.git("rev-parse", RECEIPTS_REF))
    merged = repo.git("merge-tree", "--write-tree", *sides)
    merge = repo.git("commit-tree", merged, "-p", sides[0], "-p", sides[1], "-m", "Merge")
    repo.git("update-ref", RECEIPTS_REF, merge)
    assert [receipt.text for receipt in receipts_in(repo.folder)] == texts and altered(repo) == []


def test_this_clones_branch_and_the_remotes_are_read_together(repo: Repo) -> None:
    commit = repo.git("rev-parse", "HEAD")
    repo.git("remote", "add", "origin", "../nowhere.git")
    texts = fill(repo, 1)
    repo.git("update-ref", "refs/remotes/origin/mlflow-gitops/receipts", RECEIPTS_REF)
    repo.git("update-ref", "-d", RECEIPTS_REF)
    assert [receipt.text for receipt in receipts_in(repo.folder)] == texts
    add_receipt(repo.folder, text_at(9, commit))
    assert len(receipts_in(repo.folder)) == 2
    drop_receipts(repo.folder)
    assert receipts_in(repo.folder) == []


def test_configuration_of_the_users_changes_nothing(repo: Repo) -> None:
    texts = fill(repo)
    settings = {
        "log.showRoot": "false", "log.showSignature": "true", "log.diffMerges": "off",
        "color.ui": "always", "diff.renames": "copies", "core.abbrev": "7",
        "log.decorate": "full", "format.pretty": "fuller", "diff.noprefix": "true",
    }  # fmt: skip
    for name, value in settings.items():
        repo.git("config", name, value)
    assert [receipt.text for receipt in receipts_in(repo.folder)] == texts
