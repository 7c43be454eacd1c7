"""Files that a command wrote, or would write with --dry-run: as diffs and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlflow_gitops.render.diff import diff_lines
from mlflow_gitops.render.terminal import Style, json_document, safe


@dataclass(frozen=True, slots=True)
class WrittenFiles:
    """The unified diffs of the files, and `lines` that text shows after them. `data` is the JSON
    form (DESIGN §5)."""

    data: Mapping[str, Any]
    diffs: Sequence[str] = ()
    lines: Sequence[str] = ()


def text(written: WrittenFiles, style: Style | None = None) -> Iterator[str]:
    """The diffs, then the other lines."""
    style = style or Style()
    for diff in written.diffs:
        yield from diff_lines(diff, style)
    yield from map(safe, written.lines)


def json(written: WrittenFiles) -> Iterator[str]:
    """One JSON document."""
    return json_document(written.data)
