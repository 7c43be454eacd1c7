"""The index of the main line changes nothing but time: cold, warm, grown, damaged, half-written, of
another repository, and of a history that was rewritten, it gives what git alone gives."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from mlflow_gitops.core.history.history_reader import HistoryReader
from mlflow_gitops.core.manifests.blob_reader import ManifestReader
from mlflow_gitops.edges.git.index.head import common_directory, index_files
from mlflow_gitops.edges.git.index.history_index import HistoryIndex
from mlflow_gitops.edges.git.repository import Git
from tests.support.core import fast_audit
from tests.support.git_histories import REGISTRY, History, Repo, manifest, random_history

EXAMPLES = int(os.environ.get("MLFLOW_GITOPS_TEST_EXAMPLES", "3"))

Answer = dict[str, Any]


def indexed(folder: Path) -> Git:
    """A repository as a command opens it, with an index."""
    git = Git(folder)
    common_dir = common_directory(folder)
    assert common_dir is not None
    git.index = HistoryIndex(common_dir, "main", REGISTRY.paths)
    return git


def answer(git: Git, tip: str) -> Answer:
    """Everything that is read of a line, manifests and events included."""
    line = git.first_parent_line(tip)
    line.date()
    reader = ManifestReader(git.blobs, recall=git.recall)
    git.add_changes(
        line,
        REGISTRY.paths,
        lambda path: path.endswith(".yaml"),
        reader.add_content,
        is_main_line=True,
    )
    histories = HistoryReader(line, REGISTRY, git.blobs, reader=reader)
    states = {stem: histories.moments(stem) for stem in histories.files.stems()}
    git.remember(reader.news)
    return {
        "shas": line.shas,
        "dates": line.dates,
        "merges": line.merges,
        "changes": line.changes,
        "commits": dict(line.commits),
        "states": states,
        "merged": git.merged_commits(line, line.merges, REGISTRY),
        "events": fast_audit.events(git, line, reader),
    }


def index_of(folder: Path) -> Path:
    files = [file for file in index_files(folder / ".git") if file.suffix == ".sqlite3"]
    assert len(files) == 1
    return files[0]


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """Ten commits with merges, renames and deletions, indexed."""
    repo = Repo(tmp_path / "repo")
    repo.build(random_history(random.Random(5), 10))
    answer(indexed(repo.folder), repo.git("rev-parse", "main"))
    return repo


@pytest.mark.parametrize("seed", range(EXAMPLES))
def test_random_histories_cold_grown_warm_older_and_damaged(tmp_path: Path, seed: int) -> None:
    rng = random.Random(11_000 + seed)
    repo = Repo(tmp_path)
    history = random_history(rng, rng.randint(2, 12))
    ids = repo.build(history)
    main = [ids[i] for i in history.main]
    older = rng.choice(main)
    expected = {tip: answer(Git(tmp_path), tip) for tip in (older, main[-1])}
    for tip in (older, main[-1], main[-1], older):
        assert answer(indexed(tmp_path), tip) == expected[tip]
    with sqlite3.connect(index_of(tmp_path)) as connection:
        [(rows,)] = connection.execute("SELECT count(*) FROM commits")
    assert rows == len(expected[main[-1]]["commits"])
    rng.choice(DAMAGE)(index_of(tmp_path))
    for _ in ("damaged", "made again"):
        assert answer(indexed(tmp_path), main[-1]) == expected[main[-1]]


def test_a_warm_index_starts_no_process_that_reads_history(
    repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    tip = repo.git("rev-parse", "main")
    git = indexed(repo.folder)
    line = git.first_parent_line(tip)
    monkeypatch.setattr(Git, "_popen", None)
    monkeypatch.setattr(Git, "_run", None)
    line.date()
    git.add_changes(line, REGISTRY.paths, is_main_line=True)
    assert line.changes and dict(line.commits) and git.merged_commits(line, line.merges, REGISTRY)


def _truncated(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def _emptied(file: Path) -> None:
    file.write_bytes(b"")


def _text(file: Path) -> None:
    file.write_text("a note of somebody's")


def _folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def _pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def _beside(end: str, make: Callable[[Path], None]) -> Callable[[Path], None]:
    return lambda file: make(file.with_name(file.name + end))


def _another_schema(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE VIEW commit_list AS SELECT * FROM commits")


def _without(table: str) -> Callable[[Path], None]:
    def delete(file: Path) -> None:
        with sqlite3.connect(file) as connection:
            connection.execute(f"DELETE FROM {table} WHERE key = (SELECT min(key) FROM {table})")

    return delete


def _swapped(table: str) -> Callable[[Path], None]:
    """Each row gets the content of another one."""

    def swap(file: Path) -> None:
        with sqlite3.connect(file) as connection:
            rows = connection.execute(f"SELECT key, data, sum FROM {table} ORDER BY key").fetchall()
            for (key, _, _), (_, data, checksum) in zip(rows, rows[1:] + rows[:1], strict=True):
                values = (data, checksum, key)
                connection.execute(f"UPDATE {table} SET data = ?, sum = ? WHERE key = ?", values)

    return swap


DAMAGE = [
    *(_truncated, _emptied, _text, _folder, _another_schema, _pipe),
    *(_beside(end, make) for end in ("-journal", "-wal") for make in (os.mkfifo, os.mkdir)),
    *map(_swapped, ("commits", "manifests")),
    *map(_without, ("head", "spine", "catalog", "files", "commits", "merges", "manifests")),
]


@pytest.mark.parametrize("damage", DAMAGE, ids=range(len(DAMAGE)))
def test_a_damaged_index_is_read_from_git(repo: Repo, damage: Callable[[Path], None]) -> None:
    tip = repo.git("rev-parse", "main")
    expected = answer(Git(repo.folder), tip)
    damage(index_of(repo.folder))
    assert answer(indexed(repo.folder), tip) == expected
    assert answer(indexed(repo.folder), tip) == expected


def test_each_region_of_the_file_flipped(repo: Repo) -> None:
    tip = repo.git("rev-parse", "main")
    expected = answer(Git(repo.folder), tip)
    file = index_of(repo.folder)
    content = file.read_bytes()
    for offset in random.Random(1).sample(range(len(content)), 24):
        flipped = bytes([content[offset] ^ 0x55])
        file.write_bytes(content[:offset] + flipped + content[offset + 1 :])
        assert answer(indexed(repo.folder), tip) == expected, offset


def test_what_a_killed_process_left(repo: Repo) -> None:
    """A new file that was never finished, and the journal of a growth that was cut short."""
    tip = repo.git("rev-parse", "main")
    expected = answer(Git(repo.folder), tip)
    file = index_of(repo.folder)
    half = file.with_name(f".{file.name}.1.ab.new")
    half.write_bytes(file.read_bytes()[:5000])
    file.with_name(f"{file.name}-journal").write_bytes(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" * 99)
    assert answer(indexed(repo.folder), tip) == expected
    os.utime(half, (0, 0))
    file.unlink()
    assert answer(indexed(repo.folder), tip) == expected
    assert index_files(repo.folder / ".git") == [file]


@pytest.mark.parametrize("end", ["", "-journal", "-wal"])
def test_nothing_is_written_through_a_link(repo: Repo, end: str) -> None:
    """The index grows, and what the link names stays as it was, also if it is an index itself."""
    index = index_of(repo.folder)
    linked = index.with_name("linked")
    shutil.copy(index, linked)
    content = linked.read_bytes()
    link = index.with_name(index.name + end)
    link.unlink(missing_ok=True)
    link.symlink_to(linked)
    repo.git("reset", "-q", "--hard")
    tip = repo.commit(files={"registry/models/alpha.yaml": "name: alpha\nstages: {Staging: 7}\n"})
    for _ in ("made again", "read"):
        assert answer(indexed(repo.folder), tip) == answer(Git(repo.folder), tip)
    assert linked.read_bytes() == content
    assert index.is_file() and not index.is_symlink()


def test_an_index_of_another_repository(repo: Repo, tmp_path: Path) -> None:
    other = Repo(tmp_path / "other")
    for number in range(3):
        files = {"registry/models/alpha.yaml": f"name: alpha\nstages: {{Production: {number + 1}}}"}
        other.commit(f"Change {number}", files)
    tip = other.git("rev-parse", "main")
    expected = answer(Git(other.folder), tip)
    answer(indexed(other.folder), tip)
    shutil.copy(index_of(repo.folder), index_of(other.folder))
    assert answer(indexed(other.folder), tip) == expected
    assert answer(indexed(other.folder), tip) == expected


def test_a_rewritten_history(repo: Repo) -> None:
    tree = repo.git("rev-parse", "main^{tree}")
    old = repo.git("rev-parse", "main~3")
    new = repo.git("commit-tree", tree, "-p", old, "-m", "Everything at once")
    for tip in (new, repo.git("rev-parse", "main"), new):
        assert answer(indexed(repo.folder), tip) == answer(Git(repo.folder), tip)


def test_a_shallow_clone_that_gets_the_rest(repo: Repo, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    repo.git("clone", "-q", "--depth", "3", f"file://{repo.folder}", str(clone))
    tip = repo.git("rev-parse", "main")
    for _ in range(2):
        assert answer(indexed(clone), tip) == answer(Git(clone), tip)
    repo.git("-C", str(clone), "fetch", "-q", "--unshallow")
    assert answer(indexed(clone), tip) == answer(Git(repo.folder), tip)


def test_a_repository_of_long_ids(tmp_path: Path) -> None:
    repo = Repo(tmp_path, "--object-format=sha256")
    repo.build(random_history(random.Random(3), 8))
    tip = repo.git("rev-parse", "main")
    expected = answer(Git(tmp_path), tip)
    for _ in ("a new index", "an index that has everything"):
        assert answer(indexed(tmp_path), tip) == expected


def test_a_process_that_is_killed_while_the_index_grows(repo: Repo) -> None:
    """SQLite takes back what the process had written of its transaction."""
    tip = repo.git("rev-parse", "main")
    expected = answer(Git(repo.folder), tip)
    code = f"""
import os, sqlite3
connection = sqlite3.connect({str(index_of(repo.folder))!r}, isolation_level=None)
connection.execute("PRAGMA cache_size=1")
connection.execute("BEGIN IMMEDIATE")
for table in ("head", "spine", "files", "commits", "manifests"):
    connection.execute(f"UPDATE {{table}} SET data = zeroblob(40000)")
os._exit(9)
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == 9
    assert index_of(repo.folder).with_suffix(".sqlite3-journal").is_file()
    git = indexed(repo.folder)
    assert git.is_indexed(git.first_parent_line(tip))
    assert answer(git, tip) == expected


def test_a_worktree_uses_the_same_index(repo: Repo, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    repo.git("worktree", "add", "-q", "--detach", str(tree), "main")
    assert common_directory(tree) is not None
    tip = repo.git("rev-parse", "main")
    git = indexed(tree)
    assert git.is_indexed(git.first_parent_line(tip))


def test_another_process_writes(repo: Repo) -> None:
    tip = repo.git("rev-parse", "main")
    old = repo.git("rev-parse", "main~2")
    expected = answer(Git(repo.folder), tip)
    index_of(repo.folder).unlink()
    answer(indexed(repo.folder), old)
    with sqlite3.connect(index_of(repo.folder), isolation_level=None) as connection:
        for lock in ("IMMEDIATE", "EXCLUSIVE"):
            connection.execute(f"BEGIN {lock}")
            assert answer(indexed(repo.folder), tip) == expected
            connection.execute("ROLLBACK")


def test_only_the_newest_indexes_are_kept(repo: Repo) -> None:
    file = index_of(repo.folder)
    others = [file.with_name(f"history-{number}.sqlite3") for number in range(9)]
    for number, other in enumerate(others):
        other.write_bytes(b"")
        os.utime(other, (number, number))
    file.unlink()
    answer(indexed(repo.folder), repo.git("rev-parse", "main"))
    assert set(index_files(repo.folder / ".git")) == {file, *others[2:]}


def test_many_at_once_make_one_index(repo: Repo) -> None:
    tip = repo.git("rev-parse", "main")
    expected = answer(Git(repo.folder), tip)
    index_of(repo.folder).unlink()
    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(lambda _: answer(indexed(repo.folder), tip), range(8))
    assert all(given == expected for given in answers)
    git = indexed(repo.folder)
    assert index_of(repo.folder) and git.is_indexed(git.first_parent_line(tip))


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    repo = Repo(tmp_path)
    history = History()
    history.add({"registry/models/alpha.yaml": manifest("alpha", "stages: {Production: 1}")})
    [tip] = repo.build(history)
    (tmp_path / ".git" / "mlflow-gitops").write_text("no folder")
    assert answer(indexed(tmp_path), tip) == answer(Git(tmp_path), tip)
