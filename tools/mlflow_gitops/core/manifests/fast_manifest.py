"""A fast path for manifests that differ from one read before only in the version numbers of their
stages and aliases, which is what a promotion changes.

The rest of the text is the same, so everything that was found valid in it is still valid: one plain
number in place of another changes no other token of the YAML. A test compares this fast path with
the full reading.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from mlflow_gitops.core.manifests.manifest import Manifest
from mlflow_gitops.core.manifests.names import MAX_VERSION
from mlflow_gitops.core.yaml.document import MAX_BYTES, Document, Map, Seq

_NUMBER = re.compile("[1-9][0-9]{0,9}(?![0-9])")


class _Slot(NamedTuple):
    """A number in the text (start, end), and the entry of `stages` or `aliases` that it is in."""

    start: int
    end: int
    section: str
    key: str


class ManifestTemplate:
    """The text of a valid manifest with gaps in place of the version numbers of its stages and
    aliases."""

    def __init__(self, manifest: Manifest, document: Document) -> None:
        self._manifest = manifest
        self._slots = sorted(_slots(document.root))

        # The pieces of text before each number, and the rest after the last one.
        starts = [0, *(slot.end for slot in self._slots)]
        ends = [*(slot.start for slot in self._slots), len(document.text)]
        self._pieces = [document.text[start:end] for start, end in zip(starts, ends, strict=True)]

    def read(self, data: bytes) -> Manifest | None:
        """The manifest in `data` if its text fits this template. None for any other text, and for
        numbers that are not obviously valid; the manifest must then be read in full."""
        if len(data) > MAX_BYTES:
            return None
        try:
            text = data.decode().removeprefix("\ufeff")
        except UnicodeDecodeError:
            return None

        stages: dict[str, list[int]] = {}
        aliases = dict(self._manifest.aliases)
        position = 0
        for (_, _, section, key), piece in zip(self._slots, self._pieces, strict=False):
            if not text.startswith(piece, position):
                return None
            number = _NUMBER.match(text, position + len(piece))
            if number is None:
                return None
            version = int(number.group())
            if version > MAX_VERSION:
                return None
            position = number.end()
            if section == "aliases":
                aliases[key] = version
            else:
                stages.setdefault(key, []).append(version)

        if text[position:] != self._pieces[-1]:
            return None
        if any(len(set(versions)) < len(versions) for versions in stages.values()):
            return None
        return self._with_numbers(stages, aliases)

    def _with_numbers(self, stages: dict[str, list[int]], aliases: dict[str, int]) -> Manifest:
        # Not dataclasses.replace, which is a third slower: an audit does this for every commit.
        before = self._manifest
        return Manifest(
            before.name,
            before.file,
            before.description,
            before.owners,
            before.tags,
            {stage: tuple(sorted(stages.get(stage, ()))) for stage in before.stages},
            aliases,
            before.versions,
            before.kind,
            before.formerly,
        )


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
