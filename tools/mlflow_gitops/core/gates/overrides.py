"""`Gate-Override:` lines in commit messages: who takes a gate's place, and why (RULES R3)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

# Any line, since squashing buries trailers in the body, often as a list. The brackets around model/Stage may be written.
_LINE = re.compile(
    r"^[ \t]*(?:[*-][ \t]+)?Gate-Override:[ \t]*"
    r"(?:\[?(?P<model>[^/\[\]\n]+)/(?P<stage>[^/\[\]:\n]+?)\]?[ \t]+)?"
    r"(?P<gate>[A-Za-z][A-Za-z0-9_-]*)[ \t]*:[ \t]*(?P<reason>[^\r\n]*)$",
    re.MULTILINE,
)
_BEGINS = re.compile(r"^[ \t]*(?:[*-][ \t]+)?Gate-Override:[^\r\n]*", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Override:
    """One line. `model` and `stage` are None where it means whatever the commit changes."""

    gate: str
    reason: str
    model: str | None = None
    stage: str | None = None

    def means(self, model: str, stage: str) -> bool:
        return self.model in (None, model) and self.stage in (None, stage)


def overrides(messages: Iterable[str]) -> Iterator[Override]:
    """Every override that the messages of a change state. One without a reason is given, too: it is told, not used."""
    for message in messages:
        for line in _BEGINS.finditer(message):
            if found := _LINE.match(line.group()):
                stage = found["stage"]
                yield Override(found["gate"], found["reason"].strip(), found["model"], stage.strip() if stage else None)
