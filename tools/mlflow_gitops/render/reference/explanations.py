"""What `explain` found, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import indent, wrap
from typing import Any

from mlflow_gitops.core.explanations import KINDS, Explanation
from mlflow_gitops.render.terminal import json_document

_WIDTH = 80
_WIDEST_CODE = 24


@dataclass(frozen=True, slots=True)
class Explained:
    """The explanations to show. `is_list`: all of them, a line each in text."""

    entries: Sequence[Explanation]
    is_list: bool = False


def text(explained: Explained) -> Iterator[str]:
    """The whole entries, or the list of codes."""
    if explained.is_list:
        yield from _list(explained.entries)
        return
    for number, entry in enumerate(explained.entries):
        if number:
            yield ""
        yield from _entry(entry)


def _entry(entry: Explanation) -> Iterator[str]:
    yield f"{entry.title}  ({entry.kind})"
    yield ""
    yield from wrap(entry.meaning, _WIDTH)
    yield ""
    yield from wrap(f"Why: {entry.why}", _WIDTH)
    yield ""
    yield "Ways out:"
    for way_out in entry.ways_out:
        yield from _hanging(way_out, "  - ", "    ")
    if entry.example:
        yield ""
        yield "Example:"
        yield indent(entry.example, "    ")


def _list(entries: Sequence[Explanation]) -> Iterator[str]:
    for heading, kind in KINDS.items():
        yield f"{heading}:"
        for entry in entries:
            if entry.kind == kind:
                yield from _hanging(
                    entry.meaning, f"  {entry.title:<{_WIDEST_CODE}}  ", " " * (_WIDEST_CODE + 4)
                )


def _hanging(paragraph: str, first: str, further: str) -> list[str]:
    return wrap(
        paragraph,
        _WIDTH,
        initial_indent=first,
        subsequent_indent=further,
        break_long_words=False,
        break_on_hyphens=False,
    )


def json(explained: Explained) -> Iterator[str]:
    """Each code as an object of its own."""
    data: dict[str, Any] = {
        "codes": [
            {
                "code": entry.code,
                "kind": entry.kind,
                "area": entry.area or None,
                "meaning": entry.meaning,
                "why": entry.why,
                "ways_out": list(entry.ways_out),
                "example": entry.example or None,
            }
            for entry in explained.entries
        ]
    }
    return json_document(data)
