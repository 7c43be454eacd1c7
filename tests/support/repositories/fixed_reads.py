"""Calls of git whose answer is always the same: they name objects by their ids alone."""

from __future__ import annotations

import re
from collections.abc import Sequence

_READERS = ("cat-file", "ls-tree", "rev-list", "rev-parse", "show")
_OBJECT = r"[0-9a-f]{40}(\^\{(commit|tree)\})?"
_FIXED = re.compile(rf"-.*|\d{{1,3}}|{_OBJECT}(\.\.{_OBJECT})?")


def reads_what_never_changes(arguments: Sequence[str]) -> bool:
    """Whether a call of git reads objects by their full ids. The answer may be kept if there is
    one: an object that is missing may be pushed later."""
    command, *rest = arguments
    names = rest[: rest.index("--")] if "--" in rest else rest
    return command in _READERS and all(_FIXED.fullmatch(name) for name in names)
