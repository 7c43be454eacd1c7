"""Calls of git whose answer is always the same: they name objects by their ids alone."""

from __future__ import annotations

import re
from collections.abc import Sequence

_READERS = ("archive", "cat-file", "ls-tree", "rev-list", "rev-parse", "show")
_OBJECT = r"\^?[0-9a-f]{40}(\^\{(commit|tree)\}|\^\d)?"
_RANGE = re.compile(rf"{_OBJECT}(\.\.{_OBJECT})?")
_OPTION = re.compile(
    r"-[eipqrstzn]|\d{1,3}|--(verify|reverse|topo-order|date-order|parents|no-merges)|--format=tar"
    r"|--format=(%([BPscae]|an|ae|cn|ce|ct|at|x00)|[ <>])+"
)


def reads_what_never_changes(arguments: Sequence[str]) -> bool:
    """Whether a call of git reads objects by their full ids. The answer may be kept if there is
    one: an object that is missing may be pushed later."""
    command, *rest = arguments
    if command == "show" and "-s" not in rest:
        return False  # it shows notes, which change
    names = rest[: rest.index("--")] if "--" in rest else rest
    objects = [name for name in names if not _OPTION.fullmatch(name)]
    return command in _READERS and bool(objects) and all(map(_RANGE.fullmatch, objects))
