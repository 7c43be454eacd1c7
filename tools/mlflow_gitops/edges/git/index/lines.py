"""Lines of commits with what they did to the registry folder: read from git in bulk, or from the
index of the main line and what is newer."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from mlflow_gitops.core.manifests.registry_folder import RegistryFolder
from mlflow_gitops.edges.git import log
from mlflow_gitops.edges.git.blobs import BlobConsumer, BlobStream, is_blob_id
from mlflow_gitops.edges.git.history import History
from mlflow_gitops.edges.git.partial_clone import may_be_partial
from mlflow_gitops.edges.git.revisions import FULL_ID
from mlflow_gitops.errors import GitFailure

if TYPE_CHECKING:
    from mlflow_gitops.core.history.line.file_choice import FileChoice
    from mlflow_gitops.core.history.mainline import MainLine, Merged
    from mlflow_gitops.core.manifests.blob_reader import ReadManifest
    from mlflow_gitops.edges.git.index.history_index import HistoryIndex


class Remembering(History):
    """The history of one repository, with an index."""

    index: HistoryIndex | None = None
    """What is remembered of the main line; None if nothing is."""
    _last_line: tuple[str, MainLine | None] = ("", None)
    """The commit whose first parents were listed last, and these. Commits never change; which of
    them a shallow clone has changes by a fetch."""

    def forget_facts(self) -> None:
        super().forget_facts()
        self._last_line = ("", None)

    def recall(self, path: str, blob: str) -> ReadManifest | None:
        """What an earlier process read in a manifest; None if that is not known."""
        return self.index.manifests.recall(path, blob) if self.index is not None else None

    def remember(self, manifests: Mapping[str, Mapping[str, ReadManifest]]) -> bool:
        """Let later processes recall what was read in manifests, by path and blob id. Return
        whether they, and this one, can."""
        return self.index is not None and self.index.manifests.remember(manifests)

    def is_indexed(self, line: MainLine) -> bool:
        """Return whether the index has every commit of a line."""
        return self.index is not None and self.index.covers(line)

    def _index_of(self, paths: Sequence[str]) -> HistoryIndex | None:
        """The index, if it is one of these paths."""
        has_index = self.index is not None and self.index.paths == tuple(paths)
        return self.index if has_index else None


class Lines(Remembering):
    """The lines of commits of one repository."""

    def line(
        self,
        revision: str,
        registry: RegistryFolder,
        is_wanted: Callable[[str], bool] = lambda path: False,
        consume: BlobConsumer = lambda path, blob, content: None,
    ) -> MainLine:
        """Return the first-parent history of a revision, with its changes of the registry folder.

        Meanwhile, `consume` receives the contents of the files whose path `is_wanted`, oldest
        first.
        """
        line = self.first_parent_line(revision)
        self.add_changes(line, registry.paths, is_wanted, consume)
        return line

    def first_parent_line(self, revision: str) -> MainLine:
        """Return the first-parent history of a revision without changes, from one `git rev-list`,
        or from the index and what is newer."""
        if self.index is not None and is_blob_id(revision):
            with contextlib.suppress(GitFailure):
                line = self.index.line_to(revision, self._newer)
                if line is not None:
                    return line
        commit, line = self._last_line
        if line is None or commit != revision:
            line = log.parse_rev_list(self._listed(*log.REV_LIST_OPTIONS, revision, "--"))
            if FULL_ID.fullmatch(revision):  # a branch may move
                self._last_line = (revision, line)
        # A copy, which the caller may date anew and add changes to.
        return replace(
            line,
            shas=[*line.shas],
            changes=[],
            commits={},
            times=[*line.times],
            merges={**line.merges},
            dates=[*line.dates],
        )

    def add_changes(
        self,
        line: MainLine,
        paths: Sequence[str],
        is_wanted: Callable[[str], bool] = lambda path: False,
        consume: BlobConsumer = lambda path, blob, content: None,
        *,
        choose: FileChoice | None = None,
        is_main_line: bool = False,
    ) -> None:
        """Add to a line what its commits did to `paths`, from one `git diff-tree`.

        What the index has is taken from there; `choose` limits that to some files, and `consume`
        receives none of them: most can be recalled (`recall`). What the index does not have is
        added to it if `is_main_line`: the line is the first-parent history of the main branch.
        """
        index = self._index_of(paths)
        blobs = BlobStream(lambda: self._popen("cat-file", "--batch", "--buffer"), consume)
        try:
            count = 0
            if index is not None:
                count = self._add_indexed(index, line, is_wanted, choose, is_main_line)
            records = self._changes_of(line, count, paths, is_wanted)
            if index is not None and is_main_line:
                records = index.recorded(line, count, records)
            log.add_changes(line, records, is_wanted, blobs)
        finally:
            blobs.close()

    def _add_indexed(
        self,
        index: HistoryIndex,
        line: MainLine,
        is_wanted: Callable[[str], bool],
        choose: FileChoice | None,
        is_main_line: bool,
    ) -> int:
        """Add what the index has of a line; return how many of its commits that covers. In a
        partial clone, the wanted files that cannot be recalled are fetched at once."""
        count = index.served(line)
        must_be_remade = is_main_line and count < len(line.shas) and not index.fits(count)
        chosen = index.changes(count, choose) if count and not must_be_remade else None
        if chosen is None:
            return 0
        changes, line.is_shortened = chosen

        if may_be_partial(index.common_dir) and self.partial.is_partial:
            wanted = ((path, blob) for _, path, blob in changes if blob and is_wanted(path))
            unknown = index.manifests.unknown(wanted)
            self.partial.fetch_blobs(blob for _, blob in sorted(unknown) if is_blob_id(blob))
        line.changes += changes
        line.commits = index.commits(line, changes, self._details)
        return count

    def _details(self, sha: str) -> tuple[str, str, str, str]:
        """Author, subject, committer and message of one commit."""
        [record] = self._diff_tree(f"{sha}\n".encode(), (), always=True)
        return record.details

    def _newer(self, tip: str, indexed: str) -> list[tuple[int, str, list[str]]]:
        return log.parse_newer(self._listed(*log.REV_LIST_OPTIONS, tip, f"^{indexed}", "--"))

    def _changes_of(
        self, line: MainLine, since: int, paths: Sequence[str], is_wanted: Callable[[str], bool]
    ) -> Iterable[log.CommitRecord]:
        """What the commits of a line from an index on did to `paths`; in a partial clone, all that
        the answer needs is fetched before."""
        if since == len(line.shas):
            return ()
        request = log.diff_tree_input(line, since)
        if not self.partial.is_partial:
            return self._diff_tree(request, paths)

        self.partial.fetch_trees(line.shas[-1])
        records = list(self._diff_tree(request, paths))
        changes = (change for record in records for change in record.changes)
        self.partial.fetch_blobs(
            blob for path, blob in changes if blob and is_blob_id(blob) and is_wanted(path)
        )
        return records

    def merged_commits(
        self, line: MainLine, positions: Iterable[int], registry: RegistryFolder
    ) -> dict[int, list[Merged]]:
        """Return the commits that the true merges at these positions of a line brought in.

        Newest first, without merges among them. What the index does not have of the main line is
        added to it.
        """
        merges = sorted(set(positions) & line.merges.keys())
        index = self._index_of(registry.paths)
        indexed = index.merged(line, merges) if index is not None and merges else {}
        missing = [position for position in merges if position not in indexed]
        if not missing:
            return indexed

        if index is None or not index.covers(line):
            return indexed | self.read_merged(line, missing, registry)
        # Reading how commits are connected takes as long for all later merges as for one.
        later_merges = [position for position in line.merges if position >= missing[0]]
        read = self.read_merged(line, later_merges, registry)
        index.add_merged(line, read)
        return indexed | {position: read[position] for position in missing}
