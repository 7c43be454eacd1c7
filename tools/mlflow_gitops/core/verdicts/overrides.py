"""`Gate-Override:` lines in commit messages: who takes a gate's place, and why (RULES R3)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

# Any line, since squashing buries trailers in the body, often as a list.
_LINE = re.compile(r"^[ \t]*(?:[*-][ \t]+)?Gate-Override:(?P<said>[^\r\n]*)", re.MULTILINE)
_GATE = re.compile(r"(?P<gate>[A-Za-z][A-Za-z0-9_-]*)[ \t]*(?::(?P<reason>.*))?")


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
    """Every override that the messages of a change state. One without a reason is given, too: it is
    told, not used."""
    for message in messages:
        for line in _LINE.finditer(message):
            if found := _read(line["said"].strip()):
                yield found


def _read(said: str) -> Override | None:
    """`gate: reason`, with `model/Stage` before it or not; brackets may be written around that. A
    reason may have a path and colons in it, so that a line which is whole without model and stage
    is taken so."""
    if found := _GATE.fullmatch(said):
        return _override(found)
    if said.startswith("["):  # a name may have slashes and brackets in it
        for end in re.finditer(r"\][ \t]+", said):
            model, _, stage = said[1 : end.start()].rpartition("/")
            if model and stage.strip() and (found := _GATE.fullmatch(said, end.end())):
                return _override(found, model, stage.strip())
    model, _, rest = said.partition("/")
    before, colon, reason = rest.partition(":")
    stage, _, gate = before.rstrip().replace("\t", " ").rpartition(" ")
    model, stage = model.removeprefix("["), stage.strip().removesuffix("]")
    if model and stage and (found := _GATE.fullmatch(gate + colon + reason)):
        return _override(found, model, stage)
    return None


def _override(found: re.Match[str], model: str | None = None, stage: str | None = None) -> Override:
    return Override(found["gate"], (found["reason"] or "").strip(), model, stage)
