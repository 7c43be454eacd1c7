"""The size of the indexes, as doctor reports it, whatever else is in their folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlflow_gitops.edges.git.index.head import FOLDER, size_of_indexes


def test_a_repository_without_an_index(tmp_path: Path) -> None:
    assert size_of_indexes(tmp_path) == 0


def test_a_link_to_nothing_beside_an_index(tmp_path: Path) -> None:
    folder = tmp_path / FOLDER
    folder.mkdir()
    (folder / "history-1.sqlite3").write_bytes(b"x" * 100_000)
    (folder / "link").symlink_to("nowhere")
    assert 100_000 <= (size_of_indexes(tmp_path) or 0) < 101_000


def test_a_file_that_another_process_has_just_renamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / FOLDER).mkdir()
    monkeypatch.setattr(Path, "iterdir", lambda folder: iter([folder / ".history-1.new"]))
    assert size_of_indexes(tmp_path) == 0


def test_a_folder_of_another_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(folder: Path) -> None:
        raise PermissionError(13, "Permission denied", str(folder))

    (tmp_path / FOLDER).mkdir()
    monkeypatch.setattr(Path, "iterdir", refuse)
    assert size_of_indexes(tmp_path) is None
