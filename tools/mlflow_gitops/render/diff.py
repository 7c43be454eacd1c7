"""Unified diffs of files, as git would write them."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from mlflow_gitops.render.terminal import Style, safe

_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


def unified(file: str, old: bytes | None, new: bytes) -> str:
    """The diff of one file, empty if nothing differs. `old` is None for a file that does not exist
    yet."""
    before = "/dev/null" if old is None else f"a/{file}"
    diff = difflib.unified_diff(_lines(old or b""), _lines(new), before, f"b/{file}")
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in diff
    )


def diff_lines(diff: str, style: Style) -> Iterator[str]:
    """The lines of a diff for a terminal."""
    for line in diff.split("\n")[:-1]:
        yield style(safe(line.removesuffix("\r")), _COLOURS.get(line[:1]))


def _lines(data: bytes) -> list[str]:
    """The lines as git counts them: only LF ends one."""
    *lines, last = data.decode("utf-8", "replace").split("\n")
    return [f"{line}\n" for line in lines] + ([last] if last else [])
