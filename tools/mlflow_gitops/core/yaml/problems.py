"""Problems of files: what every check of a file reports."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

Severity = Literal["error", "warning"]


class Problem(NamedTuple):
    """One problem in one file.

    `file` is relative to the repository and uses forward slashes. `line` and `column` count from 1,
    columns in characters. `code` is stable, so that programs can rely on it; `message` is for
    people and may change.
    """

    file: str
    line: int
    column: int
    code: str
    message: str
    severity: Severity = "error"


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Sort problems by file and position, and keep the first one at each position.

    The first one found is the cause; others at the same position follow from it.
    """
    first_ones: dict[tuple[str, int, int, str], Problem] = {}
    for problem in problems:
        # Problems of a whole file are all at 1:1, so several of them are independent.
        is_whole_file = (problem.line, problem.column) == (1, 1)
        distinction = problem.code + problem.message if is_whole_file else ""
        first_ones.setdefault((problem.file, problem.line, problem.column, distinction), problem)
    return sorted(first_ones.values())
