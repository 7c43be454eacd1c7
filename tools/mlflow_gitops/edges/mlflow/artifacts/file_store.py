"""Where the files of one version are, behind one interface: a folder of this machine, or whatever
MLflow's storage drivers reach."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from mlflow_gitops.core.recorded.file_digests import NOT_DIGESTED
from mlflow_gitops.core.secrets import shown_source
from mlflow_gitops.edges.mlflow.artifacts.identities import local_identity, s3_identities
from mlflow_gitops.errors import RegistryFailure, UnfitFiles

MAX_FILES = 100_000
"""The most files that one version may have. Large models have some hundreds."""


class FileStore(Protocol):
    """The files of one version, by paths with forward slashes below its folder."""

    def paths(self) -> Iterator[str]:
        """List every file."""

    def obtain(self, path: str, folder: Path) -> Path:
        """A copy of a file below `folder`, or the file itself if this machine has it."""

    def identity(self, path: str) -> str | None:
        """What the storage itself says of a file's content (`identities.py`); None if nothing."""


def open_store(location: str, tracking_uri: str, registry_uri: str) -> FileStore:
    """The files at an artifact location that may be read. Raises what MLflow's drivers raise."""
    parts = urlsplit(location)
    if parts.scheme in ("", "file"):
        return LocalStore(Path(unquote(parts.path) if parts.scheme else location))
    if parts.scheme == "models":
        return WholeStore(location, tracking_uri, registry_uri)
    return RemoteStore(location, tracking_uri, registry_uri)


class LocalStore:
    """A folder of this machine. Links are refused: what is behind one can change without it."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def paths(self) -> Iterator[str]:
        if not os.path.lexists(self._root):
            return
        waiting = [self._root]
        while waiting:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    path = Path(entry.path)
                    if entry.is_symlink():
                        raise self._not_a_file(path, "a link")
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(path)
                    elif stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode):
                        yield path.relative_to(self._root).as_posix()
                    else:
                        raise self._not_a_file(path, "neither a file nor a folder")

    def obtain(self, path: str, folder: Path) -> Path:
        return self._root / path

    def identity(self, path: str) -> str | None:
        return local_identity(self._root / path)

    def _not_a_file(self, path: Path, kind: str) -> UnfitFiles:
        return UnfitFiles(
            f"The artifacts in {shown_source(str(self._root))} are not read:"
            f" {path.relative_to(self._root).as_posix()} is {kind}."
        )


class RemoteStore:
    """Files behind one of MLflow's storage drivers."""

    def __init__(self, location: str, tracking_uri: str, registry_uri: str) -> None:
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        self._repository: Any = get_artifact_repository(location, tracking_uri, registry_uri)
        self._location = location
        self._shown = shown_source(location)
        self._identities: dict[str, str] | None = None

    def paths(self) -> Iterator[str]:
        waiting: list[str | None] = [None]
        listed: set[str] = set()
        while waiting:
            for entry in self._repository.list_artifacts(waiting.pop()):
                path = str(entry.path)
                if path in listed or not _is_below(path):
                    raise RegistryFailure(
                        f"The artifacts at {self._shown} are not read: their storage lists a path"
                        " twice, or one outside of them."
                    )
                listed.add(path)
                if entry.is_dir:
                    waiting.append(path)
                else:
                    yield path

    def obtain(self, path: str, folder: Path) -> Path:
        return Path(self._repository.download_artifacts(path, str(folder)))

    def identity(self, path: str) -> str | None:
        if self._identities is None:
            self._identities = s3_identities(self._repository, self._location)
        return self._identities.get(path)


class WholeStore:
    """A version of Unity Catalog, whose files MLflow lists only through its global registry URI
    (3.17): all of them are downloaded first."""

    def __init__(self, location: str, tracking_uri: str, registry_uri: str) -> None:
        self._location = location
        self._uris = {"tracking_uri": tracking_uri, "registry_uri": registry_uri}
        self._store: LocalStore | None = None

    def download(self, folder: Path) -> None:
        """Download everything into a folder."""
        from mlflow.artifacts import download_artifacts

        root = download_artifacts(self._location, dst_path=str(folder), **self._uris)
        self._store = LocalStore(Path(root))

    def paths(self) -> Iterator[str]:
        assert self._store is not None, "download() comes first"
        return self._store.paths()

    def obtain(self, path: str, folder: Path) -> Path:
        assert self._store is not None, "download() comes first"
        return self._store.obtain(path, folder)

    def identity(self, path: str) -> str | None:
        return None  # it was downloaded already


def listed_paths(store: FileStore) -> list[str]:
    """Every file that is digested, in order. Raises RegistryFailure if there are too many."""
    paths: list[str] = []
    for path in store.paths():
        if path != NOT_DIGESTED:
            paths.append(path)
        if len(paths) > MAX_FILES:
            raise RegistryFailure(f"The artifacts are more than {MAX_FILES:,} files.")
    return sorted(paths)


def keep_file(source: Path, target: Path) -> None:
    """Put a file at its place below the folder that keeps it, if it is not there already."""
    if source == target:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _is_below(path: str) -> bool:
    """Whether a listed path stays below the folder that it is relative to."""
    parts = path.split("/")
    is_relative = not path.startswith(("/", "\\")) and ":" not in parts[0]
    return is_relative and all(part not in ("", ".", "..") for part in parts)
