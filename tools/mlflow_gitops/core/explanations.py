"""Explanations of the codes that commands print. `registry/codes.md` is their one source: a page
for people, in a fixed form, which `explain` reads.

An entry begins with a heading of the third level that names its codes, below a heading of the
second level that names their kind. It has a paragraph that says what the code means, one that
begins with **Why:**, a list below **Ways out:**, and perhaps an example in a code block.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

KINDS = {
    "Files": "file",
    "Refusals": "refusal",
    "Errors": "error",
    "Gates": "gate",
    "Findings of verify": "finding",
    "Checks of doctor": "check",
}
"""The page's headings, and the kind of the codes below each."""

_SECTION = re.compile(r"^(##|###) (.+)$", re.MULTILINE)
_CODE = re.compile(r"`([^`]+)`")
_ENTRY = re.compile(
    r"\s*(?P<meaning>\S.*?)\n\n\*\*Why:\*\* (?P<why>.*?)\n\n\*\*Ways out:\*\*\n\n"
    r"(?P<ways>(?:- [^\n]*\n?)+)(?:\n```\w+\n(?P<example>.*?)\n```)?\s*",
    re.DOTALL,
)
_LINK = re.compile(r"\[([^\]]+)\]\([^)]+\)")


@dataclass(frozen=True, slots=True)
class Explanation:
    """What one code means, why it is there, and the ways out. `kind` is one of KINDS; `area` is the
    area of a check of `doctor`, "" for all others; `example` is "" if there is none."""

    code: str
    kind: str
    area: str
    meaning: str
    why: str
    ways_out: tuple[str, ...]
    example: str

    @property
    def title(self) -> str:
        """The code as the page names it: a check with its area."""
        return f"{self.area} {self.code}".lstrip()


def read_explanations(page: str) -> list[Explanation]:
    """Read the page. Raises ValueError if a part of it does not have the form."""
    explanations: list[Explanation] = []
    kind = ""
    sections = list(_SECTION.finditer(page))
    ends = [section.start() for section in sections[1:]] + [len(page)]
    for section, end in zip(sections, ends, strict=True):
        if section[1] == "##":
            kind = KINDS[section[2]] if section[2] in KINDS else _fail(section[2])
        else:
            explanations += _entry(kind, section[2], page[section.end() : end])
    return explanations


def _fail(text: str) -> str:
    raise ValueError(f"not in the form of the page: {text}")


def _entry(kind: str, heading: str, text: str) -> Iterator[Explanation]:
    entry = _ENTRY.fullmatch(_LINK.sub(r"\1", text))
    if entry is None:
        _fail(heading)
        return
    ways_out = tuple(line.removeprefix("- ") for line in entry["ways"].splitlines() if line)
    for code in _CODE.findall(heading):
        area, _, name = code.partition(" ") if kind == "check" else ("", "", code)
        yield Explanation(
            name, kind, area, entry["meaning"], entry["why"], ways_out, entry["example"] or ""
        )


def explanations_of(printed: str, explanations: Sequence[Explanation]) -> list[Explanation]:
    """The explanations of a code as some command printed it: `soak-needs-from`,
    `error[stage-unknown]`, `git depth`, `depth`, `held 12 Production`. Several kinds may have one
    code. Empty if it is none."""
    bracketed = printed.partition("[")[2].partition("]")[0]
    code = " ".join((bracketed or printed).split())
    if exact := [entry for entry in explanations if code in (entry.code, entry.title)]:
        return exact

    # What goes on with a name, such as `approvers @acme/risk` and `held 12 Production`.
    return [
        entry
        for entry in explanations
        if entry.kind in ("check", "finding")
        and code.startswith((f"{entry.code} ", f"{entry.title} "))
    ]
