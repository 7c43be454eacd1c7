"""Files that their storage shows unchanged are not read again; whatever was written is."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mlflow_gitops.edges.mlflow.artifacts import identities
from mlflow_gitops.edges.mlflow.artifacts.reader import Artifacts
from mlflow_gitops.edges.system import cache

GOOD, EVIL = b"good", b"evil"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model of two files that were written long ago."""
    monkeypatch.setattr(identities, "SETTLED", -3600.0)
    made = tmp_path / "model"
    (made / "code").mkdir(parents=True)
    (made / "MLmodel").write_text("flavors: {}\n")
    (made / "code" / "predict.py").write_bytes(GOOD)
    return made


def digest(folder: Path, *, cached: bool = True) -> str:
    scratch = folder.parent / f"scratch-{len(list(folder.parent.iterdir()))}"
    scratch.mkdir()
    artifacts = Artifacts("sqlite://", "sqlite://")
    return artifacts.files(str(folder), scratch, cached=cached).digest


def entries() -> list[Path]:
    folder = cache._file("digests", "x").parent
    return list(folder.iterdir()) if folder.is_dir() else []


def forge() -> None:
    """Write other digests into the cache, which show whether it was believed."""
    [file] = entries()
    kept = json.loads(file.read_text())
    for entry in kept.values():
        entry["file"][2] = "0" * 64
    file.write_text(json.dumps(kept))


def test_what_is_unchanged_is_not_read_again_except_in_full(folder: Path) -> None:
    right = digest(folder)
    forge()
    assert digest(folder) != right, "a user who writes to the cache can do this"
    assert digest(folder, cached=False) == right


def overwritten(file: Path) -> None:
    status = file.stat()
    file.write_bytes(EVIL)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def replaced(file: Path) -> None:
    status = file.stat()
    new = file.with_name("new")
    new.write_bytes(EVIL)
    os.utime(new, ns=(status.st_atime_ns, status.st_mtime_ns))
    new.replace(file)


def appended(file: Path) -> None:
    with file.open("ab") as stream:
        stream.write(EVIL)


@pytest.mark.parametrize("write", [overwritten, replaced, appended, Path.unlink])
def test_what_was_written_is_read_again(folder: Path, write: Callable[[Path], object]) -> None:
    """Also with the old size and time of change."""
    right = digest(folder)
    write(folder / "code" / "predict.py")
    assert digest(folder) == digest(folder, cached=False) != right


def test_a_file_of_this_minute_is_always_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It could be written again within one tick of the clock."""
    monkeypatch.setattr(identities, "SETTLED", 60.0)
    digest(folder)
    [file] = entries()
    assert file.read_text() == "{}"


@pytest.mark.parametrize(
    "content", ["", "[]", '{"MLmodel": 1}', '{"MLmodel": {"identity": "", "file": []}}']
)
def test_a_broken_cache_is_read_as_none(folder: Path, content: str) -> None:
    right = digest(folder)
    [file] = entries()
    file.write_text(content)
    assert digest(folder) == right


@pytest.mark.real
@pytest.mark.xdist_group("s3")
def test_objects_of_s3(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By ETag, size and time: anybody can make two files with one MD5."""
    pytest.importorskip("moto")
    import boto3

    from tests.support.servers import s3

    monkeypatch.setattr(identities, "SETTLED", -3600.0)
    with s3("models") as variables:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        client = boto3.client("s3", endpoint_url=variables["MLFLOW_S3_ENDPOINT_URL"])
        client.put_object(Bucket="models", Key="m/MLmodel", Body=b"x")
        client.put_object(Bucket="models", Key="m/code/predict.py", Body=GOOD)
        artifacts = Artifacts("sqlite://", "sqlite://")

        def read(name: str, *, cached: bool = True) -> str:
            (tmp_path / name).mkdir()
            return artifacts.files("s3://models/m", tmp_path / name, cached=cached).digest

        right = read("first")
        forge()
        assert read("again") != right and read("full", cached=False) == right
        client.put_object(Bucket="models", Key="m/code/predict.py", Body=EVIL)
        # Other bytes: within the second that S3 counts in, the same ones would look unchanged.
        client.put_object(Bucket="models", Key="m/MLmodel", Body=b"y")
        assert read("changed") == read("changed in full", cached=False) != right
