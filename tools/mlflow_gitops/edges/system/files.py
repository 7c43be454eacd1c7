"""The working tree: a registry folder's files as they lie on disk."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from mlflow_gitops.core.manifests.registry_folder import RegistryFolder
from mlflow_gitops.core.manifests.snapshot import LINK, SourceFile
from mlflow_gitops.core.yaml.document import MAX_BYTES
from mlflow_gitops.errors import Failure


def registry_files(repo: Path, registry: RegistryFolder) -> Iterator[SourceFile]:
    """Every file below `repo/registry`, in path order.

    Symbolic links are not followed: what a manifest says must be in the commit that is reviewed,
    and nothing outside the repository is read. Raises Failure if there is no such folder.
    """
    return (read_file(f"{repo}/{path}", path) for path in registry_paths(repo, registry))


def registry_paths(repo: Path, registry: RegistryFolder) -> list[str]:
    """The paths of a registry folder's files, without reading them. Raises Failure if there is no
    such folder."""
    top = repo / registry
    for folder in (top, *top.parents[: len(PurePosixPath(registry).parts) - 1]):
        if folder.is_symlink():
            raise Failure(
                f"{folder} is a symbolic link, which git does not follow. Name the real folder with"
                " --registry-dir."
            )
    if not top.is_dir():
        raise Failure(
            f"There is no {registry}/ folder in {repo}. Make {registry}/models/ with one manifest a"
            " model, or name the folder with --registry-dir."
        )
    found: list[str] = []

    def unreadable(error: OSError) -> None:
        raise Failure(f"The folder {error.filename} cannot be read: {error.strerror or error}.")

    for here, folders, listed in os.walk(top, onerror=unreadable):
        folder = Path(here)
        inside = folder.relative_to(repo).as_posix()
        found += (
            f"{inside}/{name}"
            for name in listed
            if registry.is_relevant(f"{inside}/{name}")
            or registry.is_relevant(f"{inside}/{name}", is_link=(folder / name).is_symlink())
        )
        found += (
            f"{inside}/{name}"
            for name in folders
            if registry.is_relevant(f"{inside}/{name}", is_link=True)
            and (folder / name).is_symlink()
        )
    return sorted(
        [*found, *(path for path in registry.paths_outside if os.path.lexists(repo / path))]
    )


def read_file(path: Path | str, repo_path: str) -> SourceFile:
    """Read one plain file, at most a byte more than is allowed, so that size is judged without
    reading it all."""
    try:
        status = os.lstat(path)
        if stat.S_ISLNK(status.st_mode):
            return SourceFile(repo_path, None, LINK)
        if not stat.S_ISREG(status.st_mode):
            return SourceFile(repo_path, None, "is no plain file")
        with open(path, "rb") as stream:
            # Room for the limit itself would be taken for each file, however small: three quarters
            # of the time.
            return SourceFile(repo_path, stream.read(min(status.st_size, MAX_BYTES) + 1))
    except OSError as error:
        return SourceFile(repo_path, None, f"cannot be read: {error.strerror or error}")


def write_file(path: Path, data: bytes) -> None:
    """Replace a file's content at once, so that nobody reads half of it. Raises Failure."""
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        new.write_bytes(data)
        shutil.copymode(path, new)
        new.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            new.unlink(missing_ok=True)
        raise Failure(f"{path} cannot be written: {error.strerror or error}.") from None


def put_file(top: Path, repo_path: str, data: bytes, *, new: bool) -> None:
    """Write a file of the repository: a new one, with the folders that it needs, or another content
    of one that is there.

    Raises Failure where a folder on the way is a symbolic link, which could lead out of the
    repository, and where a new file is there already.
    """
    path = top / repo_path
    if not new:
        return write_file(path, data)
    links = [
        folder
        for folder in path.parents
        if folder != top and top in folder.parents and folder.is_symlink()
    ]
    if links:
        raise Failure(f"{links[0]} is a symbolic link, so nothing is written below it.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "xb") as stream:
            stream.write(data)
    except OSError as error:
        raise Failure(f"{repo_path} cannot be written: {error.strerror or error}.") from None


def schema_copies(repo: Path) -> dict[str, bytes]:
    """The repository's own copies of the schemas, which serve editors: path to content."""
    copies = {}
    for name in ("model", "policy", "environments"):
        shown = f"schemas/{name}.schema.json"
        copy = read_file(repo / shown, shown)
        if copy.data is not None:
            copies[shown] = copy.data
    return copies


def workflow_texts(repo: Path) -> dict[str, str]:
    """GitHub's workflow files: path to text. What is no plain file is left out."""
    folder = repo / ".github" / "workflows"
    texts = {}
    for file in sorted(folder.glob("*.y*ml")) if folder.is_dir() else ():
        shown = file.relative_to(repo).as_posix()
        read = read_file(file, shown)
        if read.data is not None and file.suffix in (".yml", ".yaml"):
            texts[shown] = read.data.decode("utf-8", "replace")
    return texts
