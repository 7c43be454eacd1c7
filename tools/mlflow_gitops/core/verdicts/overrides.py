"""`Gate-Override:` lines in commit messages: which gates they override, and why (RULES R3)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from mlflow_gitops.core.history.mainline import StatedMessage

# Any line counts: squash merges move trailers into the body, often as a list.
_LINE = re.compile(r"^[ \t]*(?:[*-][ \t]+)?Gate-Override:(?P<text>[^\r\n]*)", re.MULTILINE)
_GATE = re.compile(r"(?P<gate>[A-Za-z][A-Za-z0-9_-]*)[ \t]*(?::(?P<reason>.*))?")
_BRACKET = re.compile(r"\][ \t]+")
_MAX_ENTRY = (
    500  # characters of `[model/Stage]`: names of models have up to 256, of stages up to 64
)


@dataclass(frozen=True, slots=True)
class Override:
    """One line. `model` and `stage` are None if it means every change of the commit. `author` is
    that of the commit which has the line."""

    gate: str
    reason: str
    model: str | None = None
    stage: str | None = None
    author: str = field(default="", compare=False)

    def means(self, model: str, stage: str) -> bool:
        """Whether the line is about this model and stage."""
        return self.model in (None, model) and self.stage in (None, stage)


def overrides(messages: Iterable[StatedMessage]) -> Iterator[Override]:
    """Every override in the messages of a change. One without a reason is included: it is reported
    and not used."""
    for message in messages:
        for line in _LINE.finditer(message.text):
            override = _parse(line["text"].strip())
            if override is not None:
                yield replace(override, author=message.author)


def _parse(text: str) -> Override | None:
    """`gate: reason`, or `model/Stage gate: reason`, or `[model/Stage] gate: reason`.

    A reason may have a path and colons in it, so a line that is complete without a model and a
    stage is read that way.
    """
    match = _GATE.fullmatch(text)
    if match:
        return _override(match)
    return _parse_with_brackets(text) or _parse_with_stage(text)


def _parse_with_brackets(text: str) -> Override | None:
    """`[model/Stage] gate: reason`. A model's name may have slashes and brackets in it."""
    if not text.startswith("["):
        return None
    for end in _BRACKET.finditer(text, 0, _MAX_ENTRY):
        model, _, stage = text[1 : end.start()].rpartition("/")
        match = _GATE.fullmatch(text, end.end())
        if model and stage.strip() and match:
            return _override(match, model, stage.strip())
    return None


def _parse_with_stage(text: str) -> Override | None:
    """`model/Stage gate: reason`, also with brackets that are not closed properly."""
    model, _, rest = text.partition("/")
    before, colon, reason = rest.partition(":")
    stage, _, gate = before.rstrip().replace("\t", " ").rpartition(" ")
    model, stage = model.removeprefix("["), stage.strip().removesuffix("]")
    match = _GATE.fullmatch(gate + colon + reason)
    return _override(match, model, stage) if model and stage and match else None


def _override(match: re.Match[str], model: str | None = None, stage: str | None = None) -> Override:
    return Override(match["gate"], (match["reason"] or "").strip(), model, stage)
