"""A fast path for manifests that differ from one read before only in the version numbers of their
stages and aliases, which is what a promotion changes.

The rest of the text is the same, so everything that was found valid in it is still valid: one plain
number in place of another changes no other token of the YAML. A test compares this fast path with
the full reading.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from mlflow_gitops.core.manifests.manifest import Manifest
from mlflow_gitops.core.manifests.names import MAX_VERSION
from mlflow_gitops.core.yaml.document import MAX_BYTES, Document, Map, Seq

_NUMBER = re.compile("[1-9][0-9]{0,9}(?![0-9])")

SlotName = tuple[str, str]
"""Where a version number belongs: `stages` or `aliases`, and the entry of it."""


class _Slot(NamedTuple):
    """A number in the text (start, end), and the entry of `stages` or `aliases` that it is in."""

    start: int
    end: int
    section: str
    key: str


@lru_cache(maxsize=4096)
def only(version: int) -> tuple[int, ...]:
    """The versions of a stage that has one: in a long history, the same ones come often."""
    return (version,)


class ManifestShape:
    """A valid manifest without the version numbers of its stages and aliases. `slots` name the
    entries that the numbers belong to, in the order of the text."""

    def __init__(self, manifest: Manifest, slots: Sequence[SlotName]) -> None:
        self.manifest = manifest
        self.slots = tuple(slots)

    def with_numbers(self, numbers: Sequence[int]) -> Manifest:
        """The manifest that has these version numbers, one for each slot."""
        stages: dict[str, tuple[int, ...]] = dict.fromkeys(self.manifest.stages, ())
        aliases = dict(self.manifest.aliases)
        for (section, key), version in zip(self.slots, numbers, strict=True):
            if section == "aliases":
                aliases[key] = version
            else:
                versions = stages[key]
                stages[key] = tuple(sorted((*versions, version))) if versions else only(version)

        # Not dataclasses.replace, which is a third slower: an audit does this for every commit.
        before = self.manifest
        return Manifest(
            before.name,
            before.file,
            before.description,
            before.owners,
            before.tags,
            stages,
            aliases,
            before.versions,
            before.kind,
            before.formerly,
        )


PackedManifest = tuple[ManifestShape, tuple[int, ...]]
"""A manifest as its shape and its version numbers: little memory for each of many versions."""


def packed(manifest: Manifest, document: Document) -> PackedManifest:
    """A manifest that was read in full from a document."""
    slots = sorted(_slots(document.root))
    text = document.text
    numbers = tuple(int(text[slot.start : slot.end]) for slot in slots)
    return ManifestShape(manifest, [(slot.section, slot.key) for slot in slots]), numbers


@lru_cache(4096)
def _kept_once(numbers: tuple[int, ...]) -> tuple[int, ...]:
    """Equal numbers as one tuple: many manifests of a history have them, and they wait together."""
    return numbers


class ManifestTemplate:
    """The text of a valid manifest with gaps in place of the version numbers of its stages and
    aliases. `shape` is what `packed` returns for it."""

    def __init__(self, shape: ManifestShape, document: Document) -> None:
        self._shape = shape
        slots = sorted(_slots(document.root))
        self._has_lists = len(set(shape.slots)) < len(shape.slots)

        # The pieces of text before each number, and the rest after the last one.
        starts = [0, *(slot.end for slot in slots)]
        ends = [*(slot.start for slot in slots), len(document.text)]
        *self._pieces, self._end = [
            document.text[start:end] for start, end in zip(starts, ends, strict=True)
        ]

    def read(self, data: bytes) -> PackedManifest | None:
        """The manifest in `data` if its text fits this template. None for any other text, and for
        numbers that are not obviously valid; the manifest must then be read in full."""
        if len(data) > MAX_BYTES:
            return None
        try:
            text = data.decode().removeprefix("\ufeff")
        except UnicodeDecodeError:
            return None

        numbers: list[int] = []
        position = 0
        for piece in self._pieces:
            if not text.startswith(piece, position):
                return None
            number = _NUMBER.match(text, position + len(piece))
            if number is None:
                return None
            position = number.end()
            numbers.append(int(number.group()))

        if text[position:] != self._end or max(numbers, default=0) > MAX_VERSION:
            return None
        if self._has_lists and self._lists_twice(numbers):
            return None
        return self._shape, _kept_once(tuple(numbers))

    def _lists_twice(self, numbers: Sequence[int]) -> bool:
        """Whether a stage lists a version twice."""
        versions_of_stages = [
            (key, number)
            for (section, key), number in zip(self._shape.slots, numbers, strict=True)
            if section == "stages"
        ]
        return len(set(versions_of_stages)) < len(versions_of_stages)


def _slots(root: Map) -> Iterator[_Slot]:
    """Every version number of the stages and aliases. The YAML reader accepts only plain decimal
    numbers, so the text of a number is the number itself."""
    for section_name in ("stages", "aliases"):
        section = root.get(section_name)
        if not isinstance(section, Map):
            continue
        for key, value in section.items():
            if isinstance(value, Seq):
                for index, version in enumerate(value):
                    start = value.marks[index]
                    yield _Slot(start, start + len(str(version)), section_name, key)
            elif isinstance(value, int):
                start = section.marks[key][1]
                yield _Slot(start, start + len(str(value)), section_name, key)
