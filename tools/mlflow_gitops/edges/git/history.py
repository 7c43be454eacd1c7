"""The history of the registry folder, read in bulk: one git process for many commits.

Reading thousands of commits by GitPython, one diff each, takes 67 times as long as one `git
diff-tree` and one `git cat-file --batch`.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import IO, TYPE_CHECKING, cast

from mlflow_gitops.core.manifests.registry_folder import RegistryFolder
from mlflow_gitops.edges.git import log
from mlflow_gitops.edges.git.command import feed_input
from mlflow_gitops.edges.git.partial_clone import PartialClone
from mlflow_gitops.edges.git.revisions import Revisions
from mlflow_gitops.errors import GitFailure

if TYPE_CHECKING:
    from mlflow_gitops.core.history.line.rerouting import GraphCommit
    from mlflow_gitops.core.history.mainline import MainLine, Merged, StatedMessage

_CHUNK = 1 << 16  # bytes
_MAX_MESSAGES = 16 << 20
"""Bytes of the messages of one change that are read. What comes later is not heeded: no override
and no approval is recorded there."""


class History(Revisions):
    """The commits of one repository, with what they did to the registry folder."""

    def graph(self, revision: str) -> dict[str, GraphCommit]:
        """Return every commit that can be reached from a revision, from one `git rev-list`. Each
        comes before its parents."""
        options = ("--topo-order", "--parents", "--timestamp")
        return log.parse_graph(self._listed(*options, revision, "--"))

    @cached_property
    def partial(self) -> PartialClone:
        """What fetches objects that are missing in a partial clone."""
        return PartialClone(self.top)

    def read_merged(
        self, line: MainLine, merges: Sequence[int], registry: RegistryFolder
    ) -> dict[int, list[Merged]]:
        """Return what `Lines.merged_commits` does, without the index. `merges` are positions of
        true merges, the first one first. Two processes serve all merges: one reads how the commits
        are connected, one what they did."""
        if not merges:
            return {}
        from mlflow_gitops.core.history.mainline import Commit, Merged
        from mlflow_gitops.core.times import format_time

        self.partial.fetch_trees(line.shas[-1])

        parents = self._parents_of_merged(line, merges[0])
        merge_of = line.brought_in(parents, merges[0])
        merged: dict[int, list[Merged]] = {position: [] for position in merges}
        commits = [
            sha
            for sha, own_parents in parents.items()
            if merge_of.get(sha) in merged and len(own_parents) < 2
        ]
        if commits:
            for record in self._diff_tree(_lines(commits).encode(), registry.paths):
                commit = Commit(record.sha, format_time(record.seconds), *record.details)
                paths = tuple(path for path, _ in record.changes)
                merged[merge_of[record.sha]].append(Merged(commit, paths))
        return merged

    def messages(self, sha: str, path: str, before: str | None = None) -> list[StatedMessage]:
        """Return the messages that explain a commit's change of a file (RULES R3).

        These are its own message and, in a true merge, those of the merged commits that touch the
        file. They were merged into `before`, by default the commit's first parent.
        """
        parents = self._text("rev-list", "--parents", "-n", "1", sha, "--").split()[1:]
        first_parent = parents[0] if parents else ""
        tips = parents[1:] if before in (None, first_parent) else [sha]

        command = ("log", "--no-show-signature", "--encoding=UTF-8", "-z", "--format=%an <%ae>%n%B")
        output = self.head_of_output(_MAX_MESSAGES, *command, "-n", "1", sha, "--")
        for tip in tips:
            merged = f"{before or first_parent}..{tip}"
            output += b"\0"
            walk = ("--no-merges", "--full-history", merged, "--", path)
            output += self.head_of_output(_MAX_MESSAGES, *command, *walk)

        entries = output.decode("utf-8", "replace").split("\0")
        messages = (entry.strip().partition("\n") for entry in entries)
        from mlflow_gitops.core.history.mainline import StatedMessage

        return [StatedMessage(text.strip(), author) for author, _, text in messages if text.strip()]

    def _diff_tree(
        self, commits: bytes, paths: Sequence[str], *, always: bool = False
    ) -> Iterator[log.CommitRecord]:
        """Yield what each of the given commits did to `paths`, as `git diff-tree` finds it. One
        that did nothing to them is left out, unless `always`."""
        options = ("-s", "--always") if always else ()
        command = ("diff-tree", *log.DIFF_TREE_OPTIONS, *options, "--", *paths)
        failure = "git cannot show what the commits changed"
        return log.parse_diff_tree(self._streamed(*command, feed=commits, failure=failure))

    def _listed(self, *options: str, feed: bytes = b"") -> Iterator[list[str]]:
        """Yield the fields of each line that `git rev-list` prints."""
        failure = "git cannot list the commits"
        return log.parse_listing(self._streamed("rev-list", *options, feed=feed, failure=failure))

    def _streamed(self, *command: str, feed: bytes, failure: str) -> Iterator[bytes]:
        """Yield what a git command prints, as it comes: of a long history, the whole would take
        much memory. Raises GitFailure, which begins with `failure`."""
        with self._popen(*command) as process:
            feed_input(process, feed)
            yield from _chunks(process)
        if process.returncode:
            self._run(*command, feed=feed.decode(), failure=failure)  # raises with git's own words
            raise GitFailure(f"{failure}: it ended too early.")

    def _parents_of_merged(self, line: MainLine, first: int) -> dict[str, list[str]]:
        """Return the parents of each commit beside the line that merges from position `first` on
        brought in."""
        tips = [
            parent
            for position, parents in line.merges.items()
            if position >= first
            for parent in parents
        ]
        excluded = [f"^{line.shas[first - 1]}"] if first else []
        request = _lines([*tips, *excluded]).encode()
        listing = self._listed("--date-order", "--parents", "--stdin", feed=request)
        # Most of the commits are those of the line: only the others are kept.
        return {sha: parents for sha, *parents in listing if sha not in line.index}


def _chunks(process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    stdout = cast(IO[bytes], process.stdout)
    while chunk := os.read(stdout.fileno(), _CHUNK):
        yield chunk


def _lines(revisions: Iterable[str]) -> str:
    return "".join(f"{revision}\n" for revision in revisions)
