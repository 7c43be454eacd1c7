"""The one place that talks to git. Bulk reading goes through plain git commands, one process for
many objects.

GitPython serves what navigates and writes; measured on histories of thousands of commits, its
per-commit diffs cost 67 times what one `git log --raw` and one `git cat-file --batch` do.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from threading import Thread
from typing import IO, cast

from mlflow_gitops.core.history.mainline import Commit, MainLine, Merged
from mlflow_gitops.core.manifests.registry_folder import RegistryFolder
from mlflow_gitops.core.manifests.snapshot import LINK, SourceFile
from mlflow_gitops.core.yaml.document import MAX_BYTES
from mlflow_gitops.edges.git import log
from mlflow_gitops.edges.git.blobs import BlobConsumer, BlobStream, read_blob
from mlflow_gitops.edges.git.revisions import Revisions
from mlflow_gitops.errors import GitFailure

_LINK_MODE = "120000"
_PIPE_HOLDS = 4096  # what a pipe takes at least before its writer waits


class Git(Revisions):
    """One repository, named by its top-level folder: its commits, and what lies in them and in the
    working tree."""

    def files_at(self, revision: str, registry: RegistryFolder) -> Iterator[SourceFile]:
        """A registry folder's files straight from git's objects, without a checkout. Raises
        GitFailure if it has none."""
        command = ("ls-tree", "-r", "-z", "-l", "--full-tree", revision, "--", *registry.paths)
        listing = self._run(*command)
        if b"\t" + os.fsencode(registry) + b"/" not in listing:
            raise GitFailure(
                f"There is no {registry}/ folder in commit {revision[:12]}. Commit it first, or"
                " name it with --registry-dir."
            )
        entries = []
        for entry in listing.decode("utf-8", "surrogateescape").split("\0"):
            head, _, path = entry.partition("\t")
            if not path:
                continue
            mode, kind, blob, size = head.split()
            if registry.is_relevant(path, is_link=mode == _LINK_MODE):
                entries.append((path, mode, kind, blob, size))
        plain = [
            blob
            for _, mode, kind, blob, size in entries
            if kind == "blob" and mode != _LINK_MODE and int(size) <= MAX_BYTES
        ]
        contents = self.blobs(plain)
        for path, mode, kind, blob, _ in entries:
            if mode == _LINK_MODE or kind != "blob":
                yield SourceFile(path, None, LINK if kind == "blob" else "is a submodule")
            else:
                # A file over the limit is not read; a byte too many says as much.
                yield SourceFile(
                    path, contents[blob] if blob in contents else b" " * (MAX_BYTES + 1)
                )

    def blobs(self, ids: Iterable[str], limit: int | None = MAX_BYTES) -> Mapping[str, bytes]:
        """The contents of many blobs in one process. An id that is unknown, or of more than `limit`
        bytes, is left out."""
        wanted = [blob for blob in dict.fromkeys(ids) if len(blob) >= 40]
        if not wanted:
            return {}
        found: dict[str, bytes] = {}
        with self._popen("cat-file", "--batch", "--buffer") as process:
            stdin, stdout = cast(IO[bytes], process.stdin), cast(IO[bytes], process.stdout)
            request = "\n".join(wanted).encode() + b"\n"
            if len(request) <= _PIPE_HOLDS:
                _feed(stdin, request)
            else:
                # git begins to answer before it has read all of it, so somebody has to listen
                # meanwhile.
                Thread(target=_feed, args=(stdin, request), daemon=True).start()
            for blob in wanted:
                data = read_blob(stdout, limit)
                if data is not None:
                    found[blob] = data
        return found

    def line(
        self,
        revision: str,
        registry: RegistryFolder,
        is_wanted: Callable[[str], bool] = lambda path: False,
        consume: BlobConsumer = lambda path, blob, data: None,
    ) -> MainLine:
        """The first-parent history of a revision with what it did to the registry folder.

        The contents of the files that `wants` names by their paths are handed to `take` meanwhile,
        the oldest first.
        """
        line = self.first_parent_line(revision)
        self.add_changes(line, registry.paths, is_wanted, consume)
        return line

    def first_parent_line(self, revision: str) -> MainLine:
        """The first-parent history of a revision, from one `git rev-list`: no changes are in it
        yet."""
        return log.parse_rev_list(self._run("rev-list", *log.REV_LIST_OPTIONS, revision, "--"))

    def add_changes(
        self,
        line: MainLine,
        paths: Sequence[str],
        is_wanted: Callable[[str], bool],
        consume: BlobConsumer,
    ) -> None:
        """Add to a line what its commits did to the registry folder, from one `git diff-tree`;
        `line` says the rest."""
        blobs = BlobStream(lambda: self._popen("cat-file", "--batch", "--buffer"), consume)
        try:
            log.add_changes(line, self._logged(log.diff_tree_input(line), paths), is_wanted, blobs)
        finally:
            blobs.close()

    def _logged(self, asked: str, paths: Sequence[str]) -> Iterator[log.CommitRecord]:
        """What each of the commits asked for did to the registry folder, as `git diff-tree` finds
        it."""
        command = ("diff-tree", *log.DIFF_TREE_OPTIONS, "--", *paths)
        with self._popen(*command) as process:
            # It answers before it has read all of it, so somebody has to listen meanwhile.
            Thread(target=_feed, args=(process.stdin, asked.encode()), daemon=True).start()
            yield from log.parse_diff_tree(_chunks(process))
        if process.returncode:
            why = "git cannot tell what the commits changed"
            self._run(*command, feed=asked, failure=why)
            raise GitFailure(f"{why}: it ended too early.")

    def merged_commits(
        self, line: MainLine, positions: Iterable[int], registry: RegistryFolder
    ) -> dict[int, list[Merged]]:
        """The commits that these true merges of the line brought in, the newest first, without
        merges among them.

        Two processes for all: one for how the commits hang together, one for what they did.
        """
        merges = sorted(set(positions) & line.merges.keys())
        if not merges:
            return {}
        first = merges[0]
        tips = [parent for i, others in line.merges.items() if i >= first for parent in others]
        before = [f"^{line.shas[first - 1]}"] if first else []
        listed = self._run(
            "rev-list", "--date-order", "--parents", "--stdin", feed=_lines([*tips, *before])
        )
        parents = {
            sha: rest for sha, *rest in (entry.split() for entry in listed.decode().splitlines())
        }
        brought = line.brought_in(parents, first)
        found: dict[int, list[Merged]] = {i: [] for i in merges}
        asked = [
            sha for sha, rest in parents.items() if brought.get(sha) in found and len(rest) < 2
        ]
        if asked:
            for sha, seconds, about, changes in self._logged(_lines(asked), registry.paths):
                commit = Commit(sha, log.utc(seconds), *about)
                found[brought[sha]].append(Merged(commit, tuple(path for path, _ in changes)))
        return found

    def messages(self, sha: str, path: str, before: str | None = None) -> list[str]:
        """The messages that speak for a commit's change of a file: its own, and in a true merge
        those of the merged commits that touch the file (RULES R3). They were merged into `before`,
        by default its first parent."""
        first, *others = self._text("rev-list", "--parents", "-n", "1", sha, "--").split()[1:] or [
            ""
        ]
        merged = others if before in (None, first) else [sha]
        form = ("log", "--no-show-signature", "--encoding=UTF-8", "-z", "--format=%B")
        said = self._run(*form, "-n", "1", sha, "--")
        for tip in merged:
            said += b"\0" + self._run(
                *form, "--no-merges", "--full-history", f"{before or first}..{tip}", "--", path
            )
        return [one.strip() for one in said.decode("utf-8", "replace").split("\0") if one.strip()]

    def dirty_paths(self, paths: Sequence[str]) -> list[str]:
        """Paths at or below `paths` that differ from HEAD, new and deleted ones included."""
        return _status_paths(
            self._run(
                "status", "--porcelain", "-z", "--untracked-files=all", "--ignored", "--ignore-submodules=none",
                "--no-renames", "--", *paths,
            )
        )  # fmt: skip

    def changed_since(self, ref: str, registry: RegistryFolder) -> list[str]:
        """Paths below the registry folder that differ, in the working tree, from where this branch
        left `ref`."""
        tip = self.resolve(ref)
        start = self.query("merge-base", tip, "HEAD") or tip
        places = registry.paths
        changed = self._run("diff", "--name-only", "-z", "--no-renames", start, "--", *places)
        paths = set(changed.decode("utf-8", "surrogateescape").split("\0"))
        new = self._run(
            "ls-files", "-z", "--others", "--exclude-standard", "--full-name", "--", *places
        )
        return sorted((paths | set(new.decode("utf-8", "surrogateescape").split("\0"))) - {""})


def _chunks(process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    stdout = cast(IO[bytes], process.stdout)
    while chunk := os.read(stdout.fileno(), 1 << 16):
        yield chunk


def _lines(words: Iterable[str]) -> str:
    return "".join(f"{word}\n" for word in words)


def _feed(stdin: IO[bytes], request: bytes) -> None:
    with contextlib.suppress(BrokenPipeError):  # git ended; whoever reads its answers notices
        stdin.write(request)
        stdin.close()


def _status_paths(output: bytes) -> list[str]:
    return [entry[3:] for entry in output.decode("utf-8", "surrogateescape").split("\0") if entry]
