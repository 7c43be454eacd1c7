"""Reading a manifest quickly that differs from one read before in the numbers of its stages and
aliases alone.

That is what a promotion changes. All else being the same text, whatever was found right about it
stays right: one plain number in the place of another changes no token of the YAML around it. A test
holds this against the full reading.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mlflow_gitops.core.manifests.manifest import Manifest
from mlflow_gitops.core.yaml.document import MAX_BYTES, Document, Map, Seq

_NUMBER = re.compile("[1-9][0-9]{0,9}(?![0-9])")
_HIGHEST = 2**31 - 1
_Slot = tuple[int, int, str, str, int]
"""Where a number stands (start, end), in `stages` or `aliases`, of which key, at which place of its
list (-1: alone)."""


class ManifestTemplate:
    """A manifest that was read whole and found right, with the places of its numbers."""

    def __init__(self, manifest: Manifest, document: Document) -> None:
        self._manifest = manifest
        self._slots = sorted(_slots(document.root))
        edges = [0, *(edge for slot in self._slots for edge in slot[:2]), len(document.text)]
        self._texts = [document.text[edges[i] : edges[i + 1]] for i in range(0, len(edges), 2)]

    def read(self, data: bytes) -> Manifest | None:
        """The manifest that the same text with other numbers is; None for anything else, and where
        a number is not plainly right: then the whole is to be read."""
        if len(data) > MAX_BYTES:
            return None
        try:
            text = data.decode().removeprefix("\ufeff")
        except UnicodeDecodeError:
            return None
        stages: dict[str, list[int]] = {}
        aliases = dict(self._manifest.aliases)
        at = 0
        for (_, _, field, key, _), before in zip(self._slots, self._texts, strict=False):
            number = _NUMBER.match(text, at + len(before)) if text.startswith(before, at) else None
            if number is None or (value := int(number.group())) > _HIGHEST:
                return None
            at = number.end()
            if field == "aliases":
                aliases[key] = value
            else:
                stages.setdefault(key, []).append(value)
        if text[at:] != self._texts[-1] or any(
            len(set(held)) < len(held) for held in stages.values()
        ):
            return None
        now = {stage: tuple(sorted(stages.get(stage, ()))) for stage in self._manifest.stages}
        old = self._manifest
        return Manifest(
            old.name,
            old.file,
            old.description,
            old.owners,
            old.tags,
            now,
            aliases,
            old.versions,
            old.kind,
        )


def _slots(root: Map) -> Iterator[_Slot]:
    """Every number of the stages and aliases. A number is plain text, as it is written: the YAML
    reader takes no other."""
    for field in ("stages", "aliases"):
        section = root.get(field)
        if not isinstance(section, Map):
            continue
        for key, value in section.items():
            if isinstance(value, Seq):
                for place, item in enumerate(value):
                    yield value.marks[place], value.marks[place] + len(str(item)), field, key, place
            elif isinstance(value, int):
                start = section.marks[key][1]
                yield start, start + len(str(value)), field, key, -1
