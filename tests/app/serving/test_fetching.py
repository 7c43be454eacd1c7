"""`fetch` beside other processes, into places that cannot be written, of files that are gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlflow_gitops.app.serving.fetching import fetch_version
from mlflow_gitops.core.observed.model import ObservedModel, ObservedVersion
from mlflow_gitops.core.observed.resolved import Resolved
from mlflow_gitops.core.recorded.file_digests import ModelFiles
from mlflow_gitops.edges.mlflow.artifacts.reader import Artifacts
from mlflow_gitops.errors import Failure, Refused


class _Registry:
    """One version, whose files are in a folder. `meanwhile` is called while they are read."""

    def __init__(self, folder: Path, meanwhile: Any = lambda: None) -> None:
        self._folder, self._meanwhile = folder, meanwhile

    def read(self, name: str) -> ObservedModel:
        return ObservedModel(name, versions={1: ObservedVersion(1)})

    def files(self, model: str, version: object, report: Any, *, keep_in: Path) -> ModelFiles:
        uri = f"sqlite:///{self._folder}.db"
        files = Artifacts(uri, uri).files(str(self._folder), keep_in, report, keep=True)
        self._meanwhile()
        return files


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "artifacts"
    (folder / "code").mkdir(parents=True)
    (folder / "MLmodel").write_text("flavors: {}\n")
    (folder / "code" / "a.py").write_text("")
    return folder


@pytest.fixture
def resolved(files: Path, tmp_path: Path) -> Resolved:
    (tmp_path / "scratch").mkdir()
    read: Any = _Registry(files).files("m", None, lambda count: None, keep_in=tmp_path / "scratch")
    return Resolved("m", "Production", 1, "models:/m/1", read.digest, None, "c", "t")


def fetch(files: Path, resolved: Resolved, target: Path, meanwhile: Any = lambda: None) -> bool:
    registry: Any = _Registry(files, meanwhile)
    return fetch_version(lambda: registry, resolved, target)


def test_of_two_processes_both_have_the_files(
    files: Path, resolved: Resolved, tmp_path: Path
) -> None:
    target = tmp_path / "serving" / "m"
    assert not fetch(files, resolved, target, lambda: fetch(files, resolved, target))
    assert (target / "MLmodel").is_file()
    assert [path.name for path in target.parent.iterdir()] == ["m"]


def test_what_another_process_put_there_is_not_replaced(
    files: Path, resolved: Resolved, tmp_path: Path
) -> None:
    target = tmp_path / "m"

    def others() -> None:
        target.mkdir()
        (target / "theirs").write_text("")

    with pytest.raises(Refused, match="exists, and is not the model"):
        fetch(files, resolved, target, others)
    assert [path.name for path in target.iterdir()] == ["theirs"]


@pytest.mark.parametrize(
    "place",
    ["file/m", "file/deeper/m", pytest.param("n" * 300, id="long"), "/proc/m"],
)
def test_a_place_that_cannot_be_written_is_named(
    files: Path, resolved: Resolved, tmp_path: Path, place: str
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Failure, match="could not be written"):
        fetch(files, resolved, tmp_path / place)


def _remove(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


def _link(folder: Path) -> None:
    (folder / "code" / "a.py").unlink()
    (folder / "code" / "a.py").symlink_to(folder / "MLmodel")


@pytest.mark.parametrize(
    "change", [_remove, _link, lambda folder: folder.rename(folder.with_name("elsewhere"))]
)
def test_files_that_are_gone_or_links_are_refused_as_others_are(
    files: Path, resolved: Resolved, tmp_path: Path, change: Any
) -> None:
    change(files)
    with pytest.raises(Refused, match="does not have the files of m 1 that were approved"):
        fetch(files, resolved, tmp_path / "m")
    assert not (tmp_path / "m").exists()
