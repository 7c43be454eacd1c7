"""Which manifest and policy files the registry folder held after each commit of a line.

Only paths and blob ids: nothing is read here.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from mlflow_gitops.core.history.mainline import MainLine
from mlflow_gitops.core.manifests.blob_reader import DUPLICATE, TWINS, WRONG_ENDING
from mlflow_gitops.core.manifests.names import folded, model_of
from mlflow_gitops.core.manifests.registry_folder import RegistryFolder, stem_of

ManifestBlob = tuple[str, str]
"""A manifest's blob id and path."""


class FileState(NamedTuple):
    """The files that decide what a model is wanted to be, after one commit.

    `position` is the commit's index on the line. `manifest` is None if there is no manifest,
    `DUPLICATE` if there are several, `WRONG_ENDING` if its file's name does not end in `.yaml`, and
    `TWINS` if there is a manifest whose name some registries take for its own; `policy` is the
    policy's blob id.
    """

    position: int
    manifest: ManifestBlob | None
    policy: str | None


class LineFiles:
    """The manifests (by the stem of their file's name) and the policy along one line of commits."""

    def __init__(self, line: MainLine, registry: RegistryFolder) -> None:
        self.policy_changes: list[tuple[int, str | None]] = []
        """Each commit that changed the policy file: its index, and the new blob or None."""
        self._index = line.index
        self._by_stem: dict[str, list[tuple[int, str, str | None]]] = {}

        kinds: dict[str, tuple[str | None, str]] = {}
        for change in line.changes:
            index, path, blob = change
            if path not in kinds:
                kinds[path] = registry.classify(path), stem_of(path)
            kind, stem = kinds[path]
            is_misnamed = kind == "extension" and path.startswith(f"{registry}/models/")
            if kind == "manifest" or is_misnamed:
                self._by_stem.setdefault(stem, []).append(change)
            elif kind == "policy":
                self.policy_changes.append((index, blob))
        self._twins = _twins(self._by_stem)
        self._states_since: dict[tuple[str, str], list[FileState]] = {}

    def stems(self) -> list[str]:
        """The stems of all manifests that the line ever had."""
        return sorted(self._by_stem)

    def changed_at(self, stem: str) -> set[int]:
        """The indexes of the commits that changed a manifest's files, or those of its twins."""
        stems = (stem, *self._twins.get(stem, ()))
        return {index for key in stems for index, _, _ in self._by_stem.get(key, ())}

    def existence(self, stem: str) -> list[tuple[int, bool]]:
        """Each commit that made a manifest exist, or not exist any more: its index, and which."""
        return _existence(self._by_stem.get(stem, ()))

    def removed_stems(self) -> set[str]:
        """The stems of all manifests of which a commit removed a file."""
        return {stem for stems in self._removals.values() for stem in stems}

    def manifest_blobs(self, stems: Iterable[str]) -> Iterator[ManifestBlob]:
        """Every version of these manifests."""
        for stem in stems:
            yield from ((blob, path) for _, path, blob in self._by_stem.get(stem, ()) if blob)

    def policy_blobs(self) -> Iterator[str]:
        """Every version of the policy."""
        return (blob for _, blob in self.policy_changes if blob)

    @cached_property
    def _removals(self) -> dict[int, list[str]]:
        """The stems of the manifests that each commit removed."""
        removals: dict[int, list[str]] = {}
        for stem, changes in self._by_stem.items():
            for index, _, blob in changes:
                if blob is None:
                    removals.setdefault(index, []).append(stem)
        return removals

    def removed_since(self, position: int, commit: str, last: str) -> list[str]:
        """The stems that have a manifest at a commit and none at the commit `last`, and that a
        commit from an index on removed."""
        removals = self._removals.items()
        stems = {stem for index, stems in removals if index >= position for stem in stems}
        return sorted(
            stem
            for stem in stems
            if self.has_manifest(stem, commit) and not self.has_manifest(stem, last)
        )

    def written_manifests(self, stem: str) -> list[tuple[int, ManifestBlob]]:
        """Every manifest that the line had under a stem, each with its commit's index."""
        changes = self._by_stem.get(stem, ())
        return [(i, (blob, path)) for i, path, blob in changes if blob and path.endswith(".yaml")]

    def last_manifests(self) -> Iterator[tuple[str, ManifestBlob]]:
        """Each stem and the last manifest that the line had under it, deleted or not."""
        for stem in self._by_stem:
            written = self.written_manifests(stem)
            if written:
                yield stem, written[-1][1]

    def last_path(self, stem: str) -> str:
        """The path of the last change of a manifest of this stem; empty if there was none."""
        changes = self._by_stem.get(stem)
        return changes[-1][1] if changes else ""

    def has_manifest(self, stem: str, commit: str) -> bool:
        """Whether a manifest of this stem exists at a commit of the line."""
        present: set[str] = set()
        for index, path, blob in self._by_stem.get(stem, ()):
            if index > self._index[commit]:
                break
            if blob is None:
                present.discard(path)
            else:
                present.add(path)
        return bool(present)

    def states(self, stem: str, base: str | None) -> list[FileState]:
        """The files at `base` and at each later commit that changed the manifest, a twin of it, or
        the policy; without a base, from the manifest's first commit on."""
        if base is None:
            return self._states(stem, None)
        # They are asked for twice: to read all contents at once, and for the model.
        if (stem, base) not in self._states_since:
            self._states_since[stem, base] = self._states(stem, base)
        return self._states_since[stem, base]

    def _states(self, stem: str, base: str | None) -> list[FileState]:
        changes = self._by_stem.get(stem, [])
        if base is None and not changes:
            return []
        start = self._index[base] if base else changes[0][0]
        next_policy = bisect_right(self.policy_changes, start, key=lambda change: change[0])
        policy = self.policy_changes[next_policy - 1][1] if next_policy else None

        manifest_at: dict[int, list[tuple[str, str | None]]] = {}
        for index, path, blob in changes:
            manifest_at.setdefault(max(index, start), []).append((path, blob))
        policy_at = dict(self.policy_changes[next_policy:])
        twins = self._twins.get(stem, ())
        twins_at = _twins_at((change for key in twins for change in self._by_stem[key]), start)

        states: list[FileState] = []
        present: dict[str, str] = {}
        has_twins = False
        for moment in sorted({start, *manifest_at, *policy_at, *twins_at}):
            for path, blob in manifest_at.get(moment, ()):
                present.pop(path, None)
                if blob is not None:
                    present[path] = blob
            policy = policy_at.get(moment, policy)
            has_twins = twins_at.get(moment, has_twins)
            only = _only_manifest(present)
            states.append(FileState(moment, TWINS if has_twins and only else only, policy))
        return states


def _twins_at(changes: Iterable[tuple[int, str, str | None]], start: int) -> dict[int, bool]:
    """The commits from `start` on that changed a twin of a manifest, by index, each with whether
    there was any twin after it. `changes` are those of the twins."""
    present: set[str] = set()
    twins_at: dict[int, bool] = {}
    for index, path, blob in sorted(changes, key=itemgetter(0)):
        if blob is None or not path.endswith(".yaml"):
            present.discard(path)
        else:
            present.add(path)
        twins_at[max(index, start)] = bool(present)
    return twins_at


def _existence(changes: Iterable[tuple[int, str, str | None]]) -> list[tuple[int, bool]]:
    present: set[str] = set()
    existence: list[tuple[int, bool]] = []
    had_one = False
    for index, of_commit in groupby(changes, key=itemgetter(0)):
        for _, path, blob in of_commit:
            if blob is None:
                present.discard(path)
            else:
                present.add(path)
        if bool(present) != had_one:
            had_one = not had_one
            existence.append((index, had_one))
    return existence


def _only_manifest(present: dict[str, str]) -> ManifestBlob | None:
    if len(present) != 1:
        return DUPLICATE if present else None
    [(path, blob)] = present.items()
    return (blob, path) if path.endswith(".yaml") else WRONG_ENDING


def _twins(stems: Iterable[str]) -> dict[str, list[str]]:
    """The stems whose models' names some registries or file systems take for one another: each with
    the others."""
    groups: dict[str, list[str]] = {}
    for stem in stems:
        groups.setdefault(folded(model_of(stem)), []).append(stem)
    return {
        stem: [other for other in group if other != stem]
        for group in groups.values()
        if len(group) > 1
        for stem in group
    }
