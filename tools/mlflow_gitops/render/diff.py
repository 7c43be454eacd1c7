"""Unified diffs of files, as git would write them."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from mlflow_gitops.render.terminal import Style, safe

_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


def unified(file: str, old: bytes | None, new: bytes) -> str:
    """The diff of one file; `old` None is one that is not there yet. Empty where nothing differs."""
    before = "/dev/null" if old is None else f"a/{file}"
    lines = []
    for line in difflib.unified_diff(_lines(old or b""), _lines(new), before, f"b/{file}"):
        lines.append(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n")
    return "".join(lines)


def shown(diff: str, style: Style) -> Iterator[str]:
    """The lines of a diff for a terminal."""
    lines = (line.removesuffix("\r") for line in diff.split("\n")[:-1])
    return (style(safe(line), _COLOURS.get(line[:1])) for line in lines)


def _lines(data: bytes) -> list[str]:
    """The lines that git counts: only LF ends one."""
    lines = data.decode("utf-8", "replace").split("\n")
    return [f"{line}\n" for line in lines[:-1]] + [last for last in lines[-1:] if last]
