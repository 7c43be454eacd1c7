"""The working tree: a registry folder's files as they lie on disk."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from mlflow_gitops.core.snapshot import LINK, SourceFile, matters
from mlflow_gitops.core.yamldoc import MAX_BYTES
from mlflow_gitops.errors import Failure


def registry_files(repo: Path, registry: str) -> Iterator[SourceFile]:
    """Every file below `repo/registry`, in path order.

    Symbolic links are not followed: what a manifest says must be in the commit that is reviewed, and nothing outside the
    repository is read. Raises Failure if there is no such folder.
    """
    top = repo / registry
    if not top.is_dir():
        raise Failure(
            f"There is no {registry}/ folder in {repo}. Make {registry}/models/ with one manifest a model, "
            "or name the folder with --registry-dir."
        )
    for folder, folders, names in os.walk(top):
        folders.sort()
        links = [name for name in folders if (Path(folder) / name).is_symlink()]
        for name in sorted(names + links):
            path = Path(folder) / name
            inside = path.relative_to(repo).as_posix()
            if matters(inside, registry, link=path.is_symlink()):
                yield read_file(path, inside)


def read_file(path: Path, shown: str) -> SourceFile:
    """Read one plain file, at most a byte more than is allowed, so that size is judged without reading it all."""
    try:
        mode = os.lstat(path).st_mode
        if stat.S_ISLNK(mode):
            return SourceFile(shown, None, LINK)
        if not stat.S_ISREG(mode):
            return SourceFile(shown, None, "is no plain file")
        with open(path, "rb") as stream:
            return SourceFile(shown, stream.read(MAX_BYTES + 1))
    except OSError as error:
        return SourceFile(shown, None, f"cannot be read: {error.strerror or error}")


def schema_copies(repo: Path) -> dict[str, bytes]:
    """The repository's own copies of the schemas, which serve editors: path to content."""
    copies = {}
    for name in ("model", "policy"):
        path = repo / "schemas" / f"{name}.schema.json"
        if path.is_file() and not path.is_symlink():
            copies[f"schemas/{name}.schema.json"] = path.read_bytes()
    return copies


def names(repo: Path, registry: str) -> list[str]:
    """The paths of a registry folder's files that would be read, without reading them."""
    top = repo / registry
    found = []
    for folder, folders, listed in os.walk(top):
        folders.sort()
        for name in sorted(listed):
            inside = (Path(folder) / name).relative_to(repo).as_posix()
            if matters(inside, registry):
                found.append(inside)
    return found
