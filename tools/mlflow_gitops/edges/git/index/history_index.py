"""The index of one line of commits: what is read from it, and how it grows.

git decides what the line is: the index only serves commits that git's newest ones lead to. If
anything is wrong with it, what it had is read from git.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from mlflow_gitops.core.history.line.file_choice import FileChoice, Needed
from mlflow_gitops.core.history.mainline import MainLine, Merged
from mlflow_gitops.edges.git.index.commits import Details, IndexedCommits
from mlflow_gitops.edges.git.index.files import CatalogEntry, Change, in_line_order, unpack_changes
from mlflow_gitops.edges.git.index.head import (
    Head,
    common_directory,
    index_file,
    seed,
)
from mlflow_gitops.edges.git.index.manifests import IndexedManifests
from mlflow_gitops.edges.git.index.reading import read_catalog, read_files, read_spine
from mlflow_gitops.edges.git.index.rows import IndexFault, IndexRows
from mlflow_gitops.edges.git.index.spine import Spine
from mlflow_gitops.edges.git.log import CommitRecord

ListNewer = Callable[[str, str], list[tuple[int, str, list[str]]]]
"""The first-parent commits up to one that another one does not have, oldest first: date, id and
parents. Raises GitFailure."""

_DAMAGE = (IndexFault, ValueError, OverflowError, TypeError, KeyError, IndexError, AttributeError)
"""What reading a row raises that is damaged in spite of its checksum, as one is that another
program wrote."""


class ChosenChanges(NamedTuple):
    """Changes in the order of the line, and whether some of their files' changes are left out."""

    changes: list[Change]
    is_shortened: bool


def open_index(top: Path, main_ref: str, paths: Sequence[str]) -> HistoryIndex | None:
    """The index of a repository's main branch, of which nothing is read yet; None if its git
    directory is not where git puts it by itself."""
    common_dir = common_directory(top)
    return HistoryIndex(common_dir, main_ref, paths) if common_dir is not None else None


class HistoryIndex:
    """The index of one repository. `scope` names the main branch; `paths` are those of the registry
    folder."""

    def __init__(self, common_dir: Path, scope: str, paths: Sequence[str]) -> None:
        self.common_dir = common_dir
        self.paths = tuple(paths)
        self._scope = (scope, *self.paths)
        self._file = index_file(common_dir, self._scope)
        self._seed = b""
        self._rows: IndexRows | None = None
        self._head: Head | None = None
        self._spine: Spine | None = None
        self._tip = ""
        self._line_ids: list[str] = []  # of a line that is in memory
        self.manifests = IndexedManifests(self._rows_now)

    def line_to(self, tip: str, list_newer: ListNewer) -> MainLine | None:
        """The first-parent line of a commit, without times and changes; None if the index does not
        lead to it."""
        spine = self._loaded(tip)
        if spine is None:
            return None
        if spine.tip == tip:
            return spine.line(len(spine.shas))
        if tip in spine.index:
            return spine.line(spine.index[tip] + 1)

        newer = list_newer(tip, spine.tip)
        parent = newer[0][2][0] if newer and newer[0][2] else ""
        if parent not in spine.index:
            return None
        return spine.extended(spine.index[parent] + 1, newer)

    def served(self, line: MainLine) -> int:
        """How many commits of a line, from its beginning on, are in the index."""
        spine = self._loaded(line.shas[-1]) if line.shas else None
        if spine is None:
            return 0
        return spine.common_length(line.shas)

    def changes(self, count: int, choose: FileChoice | None = None) -> ChosenChanges | None:
        """What the first commits of the line did to the chosen files, by default to all; None if it
        cannot be read."""
        try:
            catalog = self._catalog
            assert self._rows is not None
            chosen: Mapping[str, Needed] = dict.fromkeys(catalog, Needed())
            if choose is not None:
                chosen = choose({path: entry.summary for path, entry in catalog.items()})
            changes = [
                (position, path, blob)
                for path, data in read_files(self._rows, catalog, list(chosen))
                for position, blob in unpack_changes(data, chosen[path].first, chosen[path].end)
                if position < count
            ]
            is_shortened = any(needed != Needed() for needed in chosen.values())
            return ChosenChanges(in_line_order(changes), is_shortened)
        except _DAMAGE:
            self._reject()
            return None

    def commits(
        self, line: MainLine, changes: Iterable[Change], read_commit: Callable[[str], Details]
    ) -> IndexedCommits:
        """The commits that made these changes."""
        assert self._rows is not None
        positions = {position for position, _, _ in changes}
        return IndexedCommits(self._rows, line, positions, read_commit)

    def recorded(
        self, line: MainLine, served: int, records: Iterable[CommitRecord]
    ) -> Iterable[CommitRecord]:
        """The records of a line from position `served` on, which are added to the index as they are
        read. `served` is 0 if the index does not fit the line: it is made anew then."""
        is_whole = self._head is not None and served == len(line.shas)
        if is_whole or not self._seed:
            return records
        from mlflow_gitops.edges.git.index.growth import Growth  # most calls find nothing new

        try:
            rows = self._rows if served else None
            catalog = self._catalog if served else {}
            growth = Growth(rows, self._file, self._seed, catalog, served)
        except _DAMAGE:
            return records
        # What follows reads the index as it is then.
        self._seed, self._line_ids = b"", line.shas
        return growth.recorded(line, records)

    def covers(self, line: MainLine) -> bool:
        """Whether every commit of a line is in the index."""
        return bool(line.shas) and self.served(line) == len(line.shas)

    def merged(self, line: MainLine, positions: Sequence[int]) -> dict[int, list[Merged]]:
        """The commits that the merges at these positions brought in, as far as they are known."""
        count = self.served(line)
        positions = [position for position in positions if position < count]
        if self._rows is None or not positions:
            return {}
        from mlflow_gitops.edges.git.index.merged import read_merged

        try:
            return read_merged(self._rows, line, positions)
        except _DAMAGE:
            return {}

    def add_merged(self, line: MainLine, merged: Mapping[int, Sequence[Merged]]) -> None:
        """Remember what merges of a line that is in the index brought in."""
        if self._rows is not None and merged and self.covers(line):
            from mlflow_gitops.edges.git.index.merged import write_merged

            with contextlib.suppress(*_DAMAGE):
                write_merged(self._rows, line, merged)

    def fits(self, served: int) -> bool:
        """Whether the index ends where a line leaves it: then it can grow by the rest."""
        return self._head is not None and self._head.count == served

    def _loaded(self, tip: str) -> Spine | None:
        """The indexed commits; None if there are none that can be used. `tip` is any commit id."""
        if not self._seed:
            self._tip = tip
            with contextlib.suppress(OSError):
                self._seed = seed(self.common_dir, self._scope, tip)
                self._load()
        return self._spine

    def _load(self) -> None:
        self._head = self._spine = None
        self.__dict__.pop("_catalog", None)
        try:
            self._rows = IndexRows.opened(self._file, self._seed)
            head, spine = read_spine(self._rows, self._line_ids)
            self._head, self._spine = head, spine
        except _DAMAGE:
            self._reject()

    def _rows_now(self) -> IndexRows | None:
        """The rows of the index as it is now, which may have just been made; None without one."""
        return self._rows if self._tip and self._loaded(self._tip) is not None else None

    @cached_property
    def _catalog(self) -> dict[str, CatalogEntry]:
        if self._rows is None or self._head is None:
            raise IndexFault("missing")
        return read_catalog(self._rows, self._head)

    def _reject(self) -> None:
        self._head = self._spine = None
