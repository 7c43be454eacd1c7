"""Models that were renamed along a line of commits (RULES R1).

A rename is a commit of the line that removes the manifest of one name and adds one of another,
which lists the first name in `formerly`, then or in its last state. A model that appears while the
other one is still there, or after it was gone, is another model: it does not take over a history.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from mlflow_gitops.core.history.line.line_files import FileState, LineFiles, ManifestBlob
from mlflow_gitops.core.manifests.names import file_stem

ReadFormer = Callable[[Sequence[ManifestBlob]], Iterable[Sequence[str]]]
"""Reads manifests in one batch: the former names that each of them lists."""


class NamePeriod(NamedTuple):
    """The time in which a model had one name: from the commit at `first` on the line up to the one
    at `end`, excluded. `stem` is that of the manifest."""

    stem: str
    first: int
    end: int


class Renames:
    """The renames of all models along one line. `positions` has the index of each commit."""

    def __init__(
        self, files: LineFiles, positions: Mapping[str, int], read_former: ReadFormer
    ) -> None:
        self._files = files
        self._positions = positions
        self._read_former = read_former
        self._of: dict[str, list[tuple[int, str]]] = {}

    def periods(self, stem: str) -> list[NamePeriod]:
        """The names that the model of a manifest had, oldest first; the last one is its own. The
        first period begins with the line."""
        periods: list[NamePeriod] = []
        end = len(self._positions)
        while True:
            rename = self._last_before(stem, end)
            if rename is None:
                return [NamePeriod(stem, 0, end), *periods]
            position, former = rename
            periods.insert(0, NamePeriod(stem, position, end))
            stem, end = former, position

    def states(self, stem: str, base: str | None) -> list[FileState]:
        """The files at `base` and after it that decide what a model is wanted to be, under each of
        its names; without a base, from its first manifest on."""
        start = self._positions[base] if base else -1
        return [
            state
            for period in self.periods(stem)
            if period.end > start
            for state in self._files.states(period.stem, base)
            if period.first <= state.position < period.end
        ]

    def changed_at(self, stem: str) -> set[int]:
        """The indexes of the commits that changed a model's files, under each of its names."""
        return {
            index
            for period in self.periods(stem)
            for index in self._files.changed_at(period.stem)
            if period.first <= index < period.end
        }

    def renamed_away(self, stem: str) -> dict[int, str]:
        """Each commit that gave the model of a manifest another name: its index, and the stem."""
        if not any(stem in stems for stems in self._removed.values()):
            return {}
        self.prepare(self._files.stems())
        return {
            position: new
            for new, formers in self._of.items()
            for position, former in formers
            if former == stem
        }

    def successor(self, stem: str) -> tuple[int, str] | None:
        """The commit that last gave the model of a manifest another name, as an index on the line,
        and the stem of that name; None if none did, or if the name was used again since."""
        renames = self.renamed_away(stem)
        if not renames:
            return None
        position, new = max(renames.items())
        return None if any(at > position for at in self._added_at(stem)) else (position, new)

    def prepare(self, stems: Iterable[str]) -> None:
        """Read in one batch the manifests on which the names of these models depend."""
        self._read([stem for stem in stems if stem not in self._of])

    def _last_before(self, stem: str, end: int) -> tuple[int, str] | None:
        if stem not in self._of:
            self._read([stem])
        return max((rename for rename in self._of[stem] if rename[0] < end), default=None)

    def _read(self, stems: Sequence[str]) -> None:
        """Find each commit that renamed to these stems, and the former stem. A manifest is read
        only if a commit added it and removed another one."""
        self._of.update((stem, []) for stem in stems)
        candidates: dict[str, list[int]] = {}
        for stem in stems if self._removed else ():
            added = self._added_at(stem)
            positions = [at for at in added if self._removed.get(at, set()) - {stem}]
            if positions and stem in self._manifests:
                candidates[stem] = positions
        if not candidates:
            return

        # What a later manifest adds to its former names counts, what it leaves out still counts.
        manifests: dict[tuple[str, int | None], ManifestBlob] = {}
        for stem, positions in candidates.items():
            manifests[stem, None] = self._manifests[stem]
            written = self._files.written_manifests(stem)
            manifests |= {(stem, at): manifest for at, manifest in written if at in positions}
        read = self._read_former(list(manifests.values()))
        former_names = dict(zip(manifests, read, strict=True))
        for stem, positions in candidates.items():
            self._of[stem] = [
                (position, former)
                for position in positions
                for former in dict.fromkeys(
                    file_stem(name)
                    for at in (position, None)
                    for name in former_names.get((stem, at), ())
                )
                if former != stem and former in self._removed[position]
            ]

    @cached_property
    def _removed(self) -> Mapping[int, set[str]]:
        """The stems of the manifests that exist before a commit and not after it, by its index."""
        removed: dict[int, set[str]] = {}
        for stem in self._files.removed_stems():
            for index, exists in self._files.existence(stem):
                if not exists:
                    removed.setdefault(index, set()).add(stem)
        return removed

    def _added_at(self, stem: str) -> list[int]:
        """The commits after which a manifest exists that did not exist before."""
        return [index for index, exists in self._files.existence(stem) if exists]

    @cached_property
    def _manifests(self) -> Mapping[str, ManifestBlob]:
        return dict(self._files.last_manifests())
