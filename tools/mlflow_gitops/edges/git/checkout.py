"""The files of a working tree, as git would commit them.

A sparse checkout leaves files out on purpose: they are in the index, not on disk, and not deleted.
Files that git is set to take for unchanged are read from the index as well, since `git status`
does the same. Filters (Git LFS, an encoding) make the bytes on disk differ from those in git; what
reconcile will read is what git stores.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from mlflow_gitops.core.manifests.registry_folder import RegistryFolder
from mlflow_gitops.core.manifests.snapshot import LINK, SourceFile
from mlflow_gitops.core.yaml.document import MAX_BYTES, parse
from mlflow_gitops.edges.git.repository import Git
from mlflow_gitops.edges.system import files
from mlflow_gitops.errors import Failure

_OTHER_PATHS = (".github", "schemas", "CODEOWNERS", "docs/CODEOWNERS")
"""What commands read besides the registry folder."""

_LINK_MODE, _SUBMODULE_MODE = "120000", "160000"
_NOT_STORED = "cannot be read from git: the clone does not have it, or it is larger than 1 MiB"


class _IndexEntry(NamedTuple):
    mode: str
    blob: str


class Checkout:
    """The working tree of one repository. Without git, the files are those on disk. `root` is the
    folder that --registry-dir names."""

    def __init__(self, top: Path, git: Git | None, root: str) -> None:
        self.top = top
        self._git = git
        self._root = root

    def exists(self, path: str) -> bool:
        """Whether the working tree has a file, on disk or left out on purpose."""
        return path in self._left_out or os.path.lexists(self.top / path)

    def is_left_out(self, path: str) -> bool:
        """Whether a file is in the index only, and left out of the working tree on purpose."""
        return path in self._left_out

    def has_folder(self, path: str) -> bool:
        """Whether the working tree has a folder, on disk or left out on purpose."""
        return (self.top / path).is_dir() or bool(self._left_out_at(path))

    def below(self, folder: str) -> list[str]:
        """The files in a folder, without those of its sub-folders."""
        on_disk = (self.top / folder).iterdir() if (self.top / folder).is_dir() else ()
        paths = {f"{folder}/{file.name}" for file in on_disk}
        return sorted(paths | {path for path in self._left_out if _parent(path) == folder})

    def read(self, path: str, most_bytes: int = MAX_BYTES) -> SourceFile:
        """One file of the repository, as git stores or would store it. Its `data` is None if it
        cannot be read. If it is larger than `most_bytes`, one byte more than that is read."""
        if path in self._left_out:
            return self._from_index(path)
        if path in self._converted:
            return SourceFile(path, self._converted[path], _NOT_STORED)
        return files.read_file(f"{self.top}/{path}", path, most_bytes)

    def registry_paths(self, registry: RegistryFolder) -> list[str]:
        """The paths of a registry folder's files. Raises Failure if there is no such folder."""
        left_out = [
            path
            for path, entry in self._left_out.items()
            if registry.is_relevant(path, is_link=entry.mode == _LINK_MODE)
        ]
        if not left_out:
            return files.registry_paths(self.top, registry)
        if not os.path.lexists(self.top / registry):
            return sorted(left_out)
        return sorted({*files.registry_paths(self.top, registry), *left_out})

    def registry_files(self, registry: RegistryFolder) -> Iterator[SourceFile]:
        """Every file of a registry folder, in path order. Raises Failure if there is no such
        folder."""
        paths = self.registry_paths(registry)
        if not self._left_out and not self._converted:  # saves two lookups for each file
            return (files.read_file(f"{self.top}/{path}", path) for path in paths)
        return (self.read(path) for path in paths)

    def check_can_write(self, path: str) -> None:
        """Raise Failure if a file is left out of this checkout, so that nothing may be written in
        its place, or if a filter made another format of it."""
        if path in self._left_out:
            raise Failure(
                f"{path} is left out of this checkout, so it cannot be changed here.",
                fix=f"Run git sparse-checkout add {_parent(path) or '/'} (or git update-index"
                f" --no-skip-worktree --no-assume-unchanged {path}).",
            )
        if path in self._converted:
            on_disk = files.read_file(f"{self.top}/{path}", path)
            if parse(on_disk.data or b"", path).problems:
                raise Failure(
                    f"{path} is converted by .gitattributes, so it cannot be edited here.",
                    fix="Edit it by hand, or remove its filter or encoding from .gitattributes.",
                )

    def schema_copies(self) -> dict[str, bytes]:
        """The repository's own copies of the schemas, by path."""
        sources = (self.read(path) for path in files.SCHEMA_COPIES)
        return {source.path: source.data for source in sources if source.data is not None}

    def workflow_texts(self) -> dict[str, str]:
        """The texts of GitHub's workflow files by path. Links and devices are left out."""
        paths = self.below(".github/workflows")
        sources = [self.read(path) for path in paths if path.endswith((".yml", ".yaml"))]
        return {
            source.path: source.data.decode("utf-8", "replace")
            for source in sources
            if source.data is not None
        }

    def _from_index(self, path: str) -> SourceFile:
        entry = self._left_out[path]
        if entry.mode == _LINK_MODE:
            return SourceFile(path, None, LINK)
        if entry.mode == _SUBMODULE_MODE:
            return SourceFile(path, None, "is a submodule")
        return SourceFile(path, self._contents.get(entry.blob), _NOT_STORED)

    @cached_property
    def _left_out(self) -> Mapping[str, _IndexEntry]:
        """The files that are read from the index. The letter that `git ls-files -v` prints is S for
        skip-worktree, and in lower case for assume-unchanged."""
        return self._left_out_at(self._root, *_OTHER_PATHS)

    def _left_out_at(self, *paths: str) -> dict[str, _IndexEntry]:
        if self._git is None:
            return {}
        listing = self._git.output("ls-files", "-v", "-s", "-z", "--", *paths)
        if f"\0{listing}".count("\0H ") == listing.count("\0"):  # every line, as nearly always
            return {}

        entries = {}
        for line in listing.split("\0"):
            if line[:2] in ("H ", ""):
                continue
            columns, _, path = line.partition("\t")
            letter, mode, blob, _ = columns.split(" ")
            if letter == "S" or letter.islower():
                entries[path] = _IndexEntry(mode, blob)
        return entries

    @cached_property
    def _contents(self) -> Mapping[str, bytes]:
        blobs = (entry.blob for entry in self._left_out.values() if entry.mode.startswith("100"))
        return self._git.blobs(blobs) if self._git else {}

    @cached_property
    def _converted(self) -> Mapping[str, bytes | None]:
        """What git stores of the files that a filter converts, by path."""
        if self._git is None or not self._has_attributes():
            return {}
        paths = [
            file.relative_to(self.top).as_posix()
            for file in (self.top / self._root).rglob("*.y*ml")
            if file.is_file() and not file.is_symlink()
        ]
        paths = [path for path in paths if path not in self._left_out and "\n" not in path]
        from mlflow_gitops.edges.git.conversion import stored_contents  # few checkouts need it

        return stored_contents(self._git, paths)

    def _has_attributes(self) -> bool:
        """Whether any file could give attributes to the registry's files."""
        assert self._git is not None
        own = Path(self.top, self._git.fact("rev-parse", "--git-path", "info/attributes"))
        parents = [PurePosixPath(self._root, "x"), *PurePosixPath(self._root, "x").parents][1:]
        if own.exists() or any(
            (self.top / folder / ".gitattributes").exists() for folder in parents
        ):
            return True
        return any(".gitattributes" in names for _, _, names in os.walk(self.top / self._root))


def _parent(path: str) -> str:
    return path.rpartition("/")[0]
