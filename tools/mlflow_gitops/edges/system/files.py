"""The working tree: files as they are on disk."""

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

SCHEMA_COPIES = tuple(
    f"schemas/{name}.schema.json" for name in ("model", "policy", "environments", "notify")
)
"""Where a repository has its own copies of the schemas, which serve editors."""


def registry_files(repo: Path, registry: RegistryFolder) -> Iterator[SourceFile]:
    """Yield every file below `repo/registry`, in path order.

    Symbolic links are not followed: what a manifest says must be in the commit that is reviewed,
    and nothing outside the repository is read. Raises Failure if there is no such folder.
    """
    return (read_file(f"{repo}/{path}", path) for path in registry_paths(repo, registry))


def registry_paths(repo: Path, registry: RegistryFolder) -> list[str]:
    """Return the paths of a registry folder's files without reading them.

    Raises Failure if there is no such folder.
    """
    top = repo / registry
    _check_folder(repo, registry, top)

    paths = [path for path in registry.paths_outside if os.path.lexists(repo / path)]
    for folder_name, subfolders, files in os.walk(top, onerror=_report_unreadable):
        folder = Path(folder_name)
        prefix = folder.relative_to(repo).as_posix()
        for name in files:
            path = f"{prefix}/{name}"
            if registry.is_relevant(path) or _is_relevant_link(registry, path, folder / name):
                paths.append(path)
        for name in subfolders:
            path = f"{prefix}/{name}"
            if _is_relevant_link(registry, path, folder / name):
                paths.append(path)
    return sorted(paths)


def _check_folder(repo: Path, registry: RegistryFolder, top: Path) -> None:
    depth = len(PurePosixPath(registry).parts)
    for folder in (top, *top.parents[: depth - 1]):
        if folder.is_symlink():
            raise Failure(
                f"{folder} is a symbolic link, which git does not follow.",
                fix="Name the real folder with --registry-dir.",
            )
    if not top.is_dir():
        begin = "Create it with mlflow-gitops init in the repository"
        if not (repo / ".git").exists():
            begin = "That is not a git repository: go to one, or git init, then mlflow-gitops init"
        raise Failure(
            f"There is no {registry}/ folder in {repo}.",
            fix=f"{begin}; or name the folder with --registry-dir.",
        )


def _is_relevant_link(registry: RegistryFolder, path: str, file: Path) -> bool:
    return registry.is_relevant(path, is_link=True) and file.is_symlink()


def _report_unreadable(error: OSError) -> None:
    raise Failure(f"The folder {error.filename} cannot be read: {error.strerror or error}.")


def read_file(path: Path | str, repo_path: str, most_bytes: int = MAX_BYTES) -> SourceFile:
    """Read one plain file; `repo_path` is its path in the repository.

    At most one byte more than allowed is read, which shows that a file is too large.
    """
    try:
        status = os.lstat(path)
        if stat.S_ISLNK(status.st_mode):
            return SourceFile(repo_path, None, LINK)
        if not stat.S_ISREG(status.st_mode):
            return SourceFile(repo_path, None, "is no plain file")
        with open(path, "rb") as stream:
            # Asking for all that is allowed would allocate that much for each small file, which
            # took three quarters of the time.
            return SourceFile(repo_path, stream.read(min(status.st_size, most_bytes) + 1))
    except OSError as error:
        return SourceFile(repo_path, None, f"cannot be read: {error.strerror or error}")


def write_file(path: Path, data: bytes) -> None:
    """Replace a file's content in one step, so that nobody reads half of it. Raises Failure."""
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
    """Write a file of the repository: a new one with its folders, or new content of an existing
    one.

    Raises Failure if a new file exists already, or if one of its folders is a symbolic link, which
    could lead out of the repository.
    """
    path = top / repo_path
    if not new:
        return write_file(path, data)

    folders = [folder for folder in path.parents if folder != top and top in folder.parents]
    links = [folder for folder in folders if folder.is_symlink()]
    if links:
        raise Failure(f"{links[0]} is a symbolic link, so nothing is written below it.")

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "xb") as stream:
            stream.write(data)
    except OSError as error:
        raise Failure(f"{repo_path} cannot be written: {error.strerror or error}.") from None
