"""Reading all files of a version: what is read, what is refused, and when a storage is given up."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlflow_gitops.edges.mlflow.artifacts.file_reader import FileReader, TooSlow, digest_of
from mlflow_gitops.edges.mlflow.artifacts.file_store import LocalStore, RemoteStore, listed_paths
from mlflow_gitops.edges.mlflow.artifacts.reader import Artifacts
from mlflow_gitops.errors import RegistryFailure


def made(folder: Path) -> Path:
    (folder / "code").mkdir(parents=True)
    (folder / "MLmodel").write_text("flavors: {}\n")
    (folder / "code" / "ünïcode name.py").write_text("pass\n")
    (folder / "model.pkl").write_bytes(bytes(3_000_000))
    return folder


def remote(folder: Path) -> RemoteStore:
    """The same folder by way of MLflow's storage drivers."""
    return RemoteStore(folder.as_uri(), "sqlite://", "sqlite://")


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("kind", ["local", "remote"])
def test_every_way_of_reading_gives_one_digest(tmp_path: Path, kind: str, keep: bool) -> None:
    folder = made(tmp_path / "model")
    (folder / "registered_model_meta").write_text("model_version: 3")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    counted: list[int] = []

    store = LocalStore(folder) if kind == "local" else remote(folder)
    files = FileReader(store, scratch, keep=keep).read(30, counted.append)

    assert files.digest == digest_of(folder)
    assert [file.path for file in files.files] == ["MLmodel", "code/ünïcode name.py", "model.pkl"]
    assert files.size == 3_000_017 and max(counted, default=0) <= files.size
    kept = [path for path in (scratch / "files").rglob("*") if path.is_file()]
    assert len(kept) == (3 if keep else 0)
    assert not keep or digest_of(scratch / "files") == files.digest


def test_links_and_pipes_are_refused(tmp_path: Path) -> None:
    for number, kind in enumerate(("link", "folder", "pipe")):
        folder = made(tmp_path / str(number))
        if kind == "link":
            (folder / "odd").symlink_to("/etc/hostname")
        elif kind == "folder":
            (folder / "odd").symlink_to(folder.parent, target_is_directory=True)
        else:
            os.mkfifo(folder / "odd")
        with pytest.raises(RegistryFailure, match="odd is "):
            listed_paths(LocalStore(folder))


class ListedStore:
    """A storage that lists what it likes."""

    def __init__(self, *paths: str) -> None:
        self._paths = paths

    def list_artifacts(self, path: str | None) -> list[object]:
        from mlflow.entities import FileInfo

        return [FileInfo(path, False, 1) for path in self._paths]


@pytest.mark.parametrize("path", ["../up", "/etc/passwd", "a/../../b", "a//b", "C:/x", ".", "m"])
def test_a_storage_cannot_name_a_path_outside(tmp_path: Path, path: str) -> None:
    store = remote(tmp_path)
    store._repository = ListedStore("m", path)
    with pytest.raises(RegistryFailure, match="lists a path twice, or one outside of them"):
        listed_paths(store)


class SilentStore:
    """A storage that has a file and never sends it."""

    def __init__(self) -> None:
        self.is_over = threading.Event()

    def paths(self) -> Iterator[str]:
        yield "MLmodel"

    def obtain(self, path: str, folder: Path) -> Path:
        self.is_over.wait(60)
        raise OSError("it is over")


def test_a_storage_that_sends_nothing_is_given_up(tmp_path: Path) -> None:
    store = SilentStore()
    with pytest.raises(TooSlow):
        FileReader(store, tmp_path).read(0.2)
    store.is_over.set()


def test_a_location_without_files_is_a_failure(tmp_path: Path) -> None:
    artifacts = Artifacts("sqlite://", "sqlite://")
    (tmp_path / "empty").mkdir()
    for name in ("empty", "missing"):
        scratch = tmp_path / f"scratch-{name}"
        scratch.mkdir()
        with pytest.raises(RegistryFailure, match="artifacts"):
            artifacts.files(str(tmp_path / name), scratch)
