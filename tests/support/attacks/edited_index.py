"""The index of a repository's main line, as somebody could edit it: with right checksums."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.edges.git.index.files import pack_catalog, pack_changes, unpack_changes
from mlflow_gitops.edges.git.index.head import Head, common_directory, index_file, seed
from mlflow_gitops.edges.git.index.reading import read_catalog
from mlflow_gitops.edges.git.index.reading_version import reading_version
from mlflow_gitops.edges.git.index.rows import IndexRows
from mlflow_gitops.settings import Settings


@contextmanager
def opened(folder: Path) -> Iterator[tuple[IndexRows, list[str]]]:
    """The rows of the index of a clone, and the commits of its main line."""
    workspace = Workspace(Settings(repo=folder))
    common_dir = common_directory(folder)
    assert common_dir is not None
    tip = workspace.git.resolve(workspace.main_ref)
    scope = (workspace.main_ref, *workspace.registry.paths)
    rows = IndexRows.opened(index_file(common_dir, scope), seed(common_dir, scope, tip))
    try:
        yield rows, workspace.git.first_parents(tip)
    finally:
        rows.close()


def edit_manifests(folder: Path, path: str, edit: Callable[[list[int]], list[int]]) -> None:
    """Change the version numbers of every manifest that the index has of a path."""
    with opened(folder) as (rows, _):
        data = rows.get("manifests", path, reading_version())
        assert data is not None
        shapes, *readings = data.decode().splitlines()
        entries = (reading.split() for reading in readings)
        edited = (
            [blob, number, *map(str, edit(list(map(int, versions))))]
            for blob, number, *versions in entries
        )
        new = "".join(f"{line}\n" for line in (shapes, *map(" ".join, edited)))
        rows.write("manifests", [(path, new.encode(), reading_version())])


def edit_commits(folder: Path, edit: Callable[[list[str]], list[str]]) -> None:
    """Change author, subject, committer and message of every commit in the index."""
    with opened(folder) as (rows, shas):
        edited = [
            (position, "\0".join(edit(data.decode().split("\0"))).encode(), shas[position])
            for position, data, _ in list(rows.between("commits", 0, len(shas)))
        ]
        rows.write("commits", edited)


def forget_last_change(folder: Path, path: str) -> None:
    """Take the last change of a file out of the index."""
    with opened(folder) as (rows, _):
        head = Head.unpack(rows.get("head", 0) or b"")
        catalog = read_catalog(rows, head)
        changes = unpack_changes(rows.get("files", path) or b"")[:-1]
        data = pack_changes(changes)
        rows.write("files", [(path, data, "")])
        checksum = rows.sum_of("files", path, data).hex()
        catalog[path] = catalog[path]._replace(checksum=checksum, last=changes[-1][0])
        packed = pack_catalog(catalog)
        rows.write("catalog", [(0, packed, "")])
        new_head = Head(head.count, head.spine, rows.sum_of("catalog", 0, packed).hex())
        rows.write("head", [(0, new_head.pack(), "")])
