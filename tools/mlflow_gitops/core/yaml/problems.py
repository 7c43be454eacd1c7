"""What can be wrong with a file, and where: the one shape every check reports in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One finding in one file.

    `file` is relative to the repository and uses forward slashes; `line` and `column` count from 1,
    columns in characters. `code` is stable: scripts and the tests' example files rely on it.
    `message` is for people and may change.
    """

    file: str
    line: int
    column: int
    code: str
    message: str
    severity: Severity = "error"


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Sort by file and position, and keep one problem a position: the first found is the cause, the
    rest follow from it."""
    kept: dict[tuple[str, int, int, str], Problem] = {}
    for problem in problems:
        # Whole-file findings (1:1) may well be several; at any other place the first explanation is
        # the useful one.
        unique = problem.code + problem.message if (problem.line, problem.column) == (1, 1) else ""
        kept.setdefault((problem.file, problem.line, problem.column, unique), problem)
    return sorted(kept.values())
