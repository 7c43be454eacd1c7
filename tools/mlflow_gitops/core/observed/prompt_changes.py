"""By which lines the texts of two versions of a prompt differ."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from itertools import islice

from mlflow_gitops.core.observed.prompts import PromptText

_MOST_LINES = 100_000
"""Lines of two texts together that are compared."""


def changed_lines(before: PromptText, after: PromptText) -> Iterator[str]:
    """The lines by which two texts differ, each after `+`, `-` or a space, with two lines around;
    nothing where they are the same."""
    old, new = before.lines(), after.lines()
    if len(old) + len(new) > _MOST_LINES:
        yield from (
            (f"-{len(old)} lines", f"+{len(new)} lines, too many to compare") if old != new else ()
        )
        return
    # The first two lines name files.
    yield from islice(difflib.unified_diff(old, new, n=2, lineterm=""), 2, None)
