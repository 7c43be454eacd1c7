"""One git repository: its history, the files in its commits, and the state of its checkout."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import IO, NamedTuple, cast

from mlflow_gitops.core.manifests.registry_folder import RegistryFolder
from mlflow_gitops.core.manifests.snapshot import LINK, SourceFile
from mlflow_gitops.core.yaml.document import MAX_BYTES
from mlflow_gitops.edges.git.blobs import KnownBlobs, is_blob_id, read_blob
from mlflow_gitops.edges.git.command import feed_input
from mlflow_gitops.edges.git.index.lines import Lines
from mlflow_gitops.errors import GitFailure

_LINK_MODE = "120000"


class _TreeEntry(NamedTuple):
    """One line of `git ls-tree`; `size` is "-" for anything but a blob."""

    path: str
    mode: str
    kind: str
    blob: str
    size: str

    @property
    def is_link(self) -> bool:
        return self.mode == _LINK_MODE

    @property
    def is_plain_file(self) -> bool:
        return self.kind == "blob" and not self.is_link


class Git(Lines):
    """One repository, named by its top-level folder."""

    def files_at(self, revision: str, registry: RegistryFolder) -> Iterator[SourceFile]:
        """Yield a registry folder's files at a commit, read from git's objects without a checkout.

        Raises GitFailure if the commit has no such folder.
        """
        command = ("ls-tree", "-r", "-z", "--full-tree", revision, "--", *registry.paths)
        if self.partial.is_partial:  # to list sizes, git would fetch blob by blob
            self.partial.fetch_blobs(_registry_blobs(self._run(*command), registry))
        listing = self._run(*command[:2], "-l", *command[2:])
        if b"\t" + os.fsencode(registry) + b"/" not in listing:
            raise GitFailure(
                f"There is no {registry}/ folder in commit {revision[:12]}. Commit it first, or"
                " name it with --registry-dir."
            )

        entries = [
            entry
            for entry in _tree_entries(listing)
            if registry.is_relevant(entry.path, is_link=entry.is_link)
        ]
        contents = self.blobs(
            entry.blob for entry in entries if entry.is_plain_file and int(entry.size) <= MAX_BYTES
        )
        # Stands for a file over the limit, which is not read: the parser rejects it by its size.
        too_large = b" " * (MAX_BYTES + 1)
        for entry in entries:
            if entry.is_plain_file:
                yield SourceFile(entry.path, contents.get(entry.blob, too_large))
            else:
                yield SourceFile(entry.path, None, LINK if entry.is_link else "is a submodule")

    def blobs(self, ids: Iterable[str], limit: int | None = MAX_BYTES) -> Mapping[str, bytes]:
        """Return the contents of many blobs by their ids, from one process, or none if all of them
        were read before.

        Unknown ids, and blobs of more than `limit` bytes, are left out.
        """
        requested = list(ids)
        known = self._known_blobs.of(requested, limit)
        unread = (blob for blob in requested if blob not in known)
        read = {blob: data for blob, data in self.each_blob(unread, limit) if data is not None}
        self._known_blobs.add(read)
        return known | read

    @cached_property
    def _known_blobs(self) -> KnownBlobs:
        return KnownBlobs()

    def each_blob(
        self, ids: Iterable[str], limit: int | None = MAX_BYTES
    ) -> Iterator[tuple[str, bytes | None]]:
        """Yield ids and contents of many blobs, from one process, without holding more than one in
        memory; None for an unknown id and for a blob of more than `limit` bytes."""
        requested = [blob for blob in dict.fromkeys(ids) if is_blob_id(blob)]
        if not requested:
            return
        self.partial.fetch_blobs(requested)

        with self._popen("cat-file", "--batch", "--buffer") as process:
            feed_input(process, "\n".join(requested).encode() + b"\n")
            stdout = cast(IO[bytes], process.stdout)
            for blob in requested:
                yield blob, read_blob(stdout, limit)

    def dirty_paths(self, paths: Sequence[str]) -> list[str]:
        """Return the paths at or below `paths` that differ from HEAD, new and deleted ones
        included."""
        output = self._run(
            *("status", "--porcelain", "-z", "--untracked-files=all", "--ignored"),
            *("--ignore-submodules=none", "--no-renames", "--", *paths),
        )
        return [entry[3:] for entry in _nul_separated(output)]  # "XY path"

    def changed_since(self, ref: str, registry: RegistryFolder, *files: str) -> list[str]:
        """Return the paths below the registry folder, and those of some files, that changed since
        this branch left `ref`.

        Changes that are not committed and new files count, too.
        """
        paths = (*registry.paths, *files)
        tip = self.resolve(ref)
        start = self.query("merge-base", tip, "HEAD") or tip
        changed = self._run("diff", "--name-only", "-z", "--no-renames", start, "--", *paths)
        new = self._run(
            *("ls-files", "-z", "--others", "--exclude-standard", "--full-name"),
            *("--", *paths),
        )
        return sorted({*_nul_separated(changed), *_nul_separated(new)})


def _tree_entries(listing: bytes) -> Iterator[_TreeEntry]:
    for line in _nul_separated(listing):
        columns, _, path = line.partition("\t")
        mode, kind, blob, size = columns.split()
        yield _TreeEntry(path, mode, kind, blob, size)


def _registry_blobs(listing: bytes, registry: RegistryFolder) -> Iterator[str]:
    for line in _nul_separated(listing):
        columns, _, path = line.partition("\t")
        _, kind, object_id = columns.split()
        if kind == "blob" and registry.is_relevant(path):
            yield object_id


def _nul_separated(output: bytes) -> list[str]:
    return [entry for entry in output.decode("utf-8", "surrogateescape").split("\0") if entry]
