"""What the index has of manifests is what reading them gives, and no other program's reading."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from mlflow_gitops.core.manifests.blob_reader import ManifestReader
from mlflow_gitops.core.manifests.manifest import read_manifest
from mlflow_gitops.core.manifests.policy import Policy
from mlflow_gitops.edges.git.index.manifests import IndexedManifests
from mlflow_gitops.edges.git.index.new_rows import NewRows
from mlflow_gitops.edges.git.index.reading_version import reading_version
from mlflow_gitops.edges.git.index.rows import IndexRows

PATH = "registry/models/alpha.yaml"
TEXTS = {
    "plain": "name: alpha\nstages: {Production: 12}\n",
    "promoted": "name: alpha\nstages: {Production: 13}\n",
    "lists": "name: alpha\nstages: {Production: [3, 1], Staging: [], Archived: null}\n",
    "aliases": "name: alpha\nstages: {}\naliases: {champion: 4, 'rival-1': 12345}\n",
    "texts": (
        "name: alpha\nformerly: [beta, gamma]\ndescription: 'Größe \\ \"x\"'\n"
        "owners: ['@acme/risk', 'bob@example.org']\ntags: {task: ranking, tier: '1'}\nstages: {}\n"
    ),
    "pins": (
        "name: alpha\nstages: {Production: 1}\nversions:\n"
        "  1: {run_id: 'f0', source: 'dbfs:/m/1', description: '', tags: {a: b},\n"
        f"      digest: 'sha256:{'0' * 64}', metrics: {{auc: 0.5, rows: 3}}}}\n"
        f"  2: {{data: {{path: data.csv, md5: '{'a' * 32}'}}}}\n"
        f"  3: {{origin: {{environment: staging, version: 7, digest: 'sha256:{'1' * 64}'}}}}\n"
    ),
    "prompt": "kind: prompt\nname: alpha\nstages: {}\naliases: {live: 2}\n",
    "invalid": "name: alpha\nstages: {Production: x}\n",
    "broken": "name: [\n",
}


@pytest.fixture
def rows(tmp_path: Path) -> IndexRows:
    file = tmp_path / "history.sqlite3"
    new = NewRows.created(file, b"seed")
    new.publish(file)
    return IndexRows.opened(file, b"seed")


def contents(blobs: Iterable[str]) -> Mapping[str, bytes]:
    return {blob: TEXTS[blob].encode() for blob in blobs}


def remember(rows: IndexRows, *blobs: str) -> None:
    reader = ManifestReader(contents, recall=IndexedManifests(lambda: rows).recall)
    for blob in blobs:
        reader.manifest(blob, PATH, Policy())
    IndexedManifests(lambda: rows).remember(reader.news)


def test_every_manifest_is_recalled_as_it_was_read(rows: IndexRows) -> None:
    remember(rows, *list(TEXTS)[:4])
    remember(rows, *TEXTS)
    indexed = IndexedManifests(lambda: rows)
    for blob, text in TEXTS.items():
        whole, document = read_manifest(text.encode(), PATH)
        recalled = indexed.recall(PATH, blob)
        assert recalled is not None, blob
        if isinstance(recalled, str):
            assert whole is None and recalled.startswith(document.problems[0].code)
        else:
            shape, numbers = recalled
            assert shape.with_numbers(numbers) == whole, blob


def test_what_is_recalled_is_not_read(rows: IndexRows) -> None:
    remember(rows, *TEXTS)
    read: set[str] = set()

    def read_blobs(blobs: Iterable[str]) -> Mapping[str, bytes]:
        read.update(blobs)
        return contents(blobs)

    reader = ManifestReader(read_blobs, recall=IndexedManifests(lambda: rows).recall)
    reader.fetch_manifests((blob, PATH) for blob in TEXTS)
    assert reader.kind("prompt", PATH) == "prompt" and reader.kind("plain", PATH) == "model"
    assert list(reader.former_names([("texts", PATH)])) == [("beta", "gamma")]
    assert not read and not reader.news


def test_a_blob_of_two_files_is_read_for_each(rows: IndexRows) -> None:
    remember(rows, "plain")
    assert IndexedManifests(lambda: rows).recall("registry/models/beta.yaml", "plain") is None
    reader = ManifestReader(contents)
    assert reader.manifest("plain", PATH, Policy()).desired is not None
    fault = reader.manifest("plain", "registry/models/beta.yaml", Policy()).fault
    assert fault is not None and fault.startswith("file-name")


def test_another_program_s_reading_is_read_again(
    rows: IndexRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember(rows, "plain", "invalid")
    for version in ("another", ""):
        monkeypatch.setattr(
            "mlflow_gitops.edges.git.index.manifests.reading_version", lambda v=version: v
        )
        assert IndexedManifests(lambda: rows).recall(PATH, "plain") is None
    monkeypatch.undo()
    assert IndexedManifests(lambda: rows).recall(PATH, "plain") is not None


def test_the_reading_version_is_that_of_the_source_code(monkeypatch: pytest.MonkeyPatch) -> None:
    before = reading_version()
    assert len(before) == 32
    reading_version.cache_clear()
    read = Path.read_bytes
    monkeypatch.setattr(
        Path, "read_bytes", lambda path: read(path) + b"\n" * (path.name == "manifest.py")
    )
    try:
        assert reading_version() != before
    finally:
        reading_version.cache_clear()


def test_content_that_git_lacks_is_not_remembered(rows: IndexRows) -> None:
    reader = ManifestReader(lambda blobs: {})
    assert reader.manifest("plain", PATH, Policy()).fault
    assert not reader.news


@pytest.mark.parametrize(
    "data", [b"", b"{}\n", b"[]\nplain 7\n", b"[[]]\n", b"[]\nplain 1", b"[]\nplain x\n", b"\xff\n"]
)
def test_a_row_with_a_right_checksum_and_wrong_content_is_not_used(
    rows: IndexRows, data: bytes
) -> None:
    rows.write("manifests", [(PATH, data, reading_version())])
    assert IndexedManifests(lambda: rows).recall(PATH, "plain") is None
    remember(rows, "plain")
    assert IndexedManifests(lambda: rows).recall(PATH, "plain") is not None
