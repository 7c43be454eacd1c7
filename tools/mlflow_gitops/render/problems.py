"""Problems of manifests and policy: as text, JSON, Markdown, and annotations on GitHub.

This module imports neither plans nor comparisons, so that `validate` starts fast.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from mlflow_gitops.core.manifests.snapshot import Snapshot
from mlflow_gitops.core.wording import counted
from mlflow_gitops.core.yaml.problems import Problem
from mlflow_gitops.render.terminal import json_document, safe

_SHOWN = 10
"""Annotations of one severity that GitHub shows of a step."""


def text(snapshot: Snapshot) -> Iterator[str]:
    """Every problem, one line each."""
    return problem_lines(snapshot.problems)


def errors(snapshot: Snapshot) -> Iterator[str]:
    """The problems that stop a plan, one line each."""
    return problem_lines(snapshot.errors)


def problem_lines(problems: Iterable[Problem]) -> Iterator[str]:
    """One line for each problem: `file:line:column: severity[code]: message`."""
    for problem in problems:
        position = f"{safe(problem.file)}:{problem.line}:{problem.column}"
        yield f"{position}: {problem.severity}[{problem.code}]: {safe(problem.message)}"


def json(snapshot: Snapshot) -> Iterator[str]:
    """`{"manifests", "errors", "warnings"}` as one JSON document."""
    return json_document(snapshot_data(snapshot))


def snapshot_data(snapshot: Snapshot) -> dict[str, Any]:
    """The problems of a snapshot (DESIGN §5)."""
    return {
        "manifests": snapshot.count,
        "errors": [problem_data(problem) for problem in snapshot.errors],
        "warnings": [problem_data(problem) for problem in snapshot.warnings],
    }


def problem_data(problem: Problem) -> dict[str, Any]:
    """One problem (DESIGN §5)."""
    return {
        "file": problem.file,
        "line": problem.line,
        "column": problem.column,
        "code": problem.code,
        "message": problem.message,
    }


def markdown(snapshot: Snapshot, limit: int | None = None) -> Iterator[str]:
    """The problems that stop a plan, as a page of at most `limit` bytes."""
    from mlflow_gitops.render.markdown_safe import LIMIT, Block, bounded, code

    lines = []
    for problem in snapshot.errors:
        position = code(f"{problem.file}:{problem.line}:{problem.column}")
        lines.append(
            f"- {position} {problem.severity} {code(problem.code)}: {code(problem.message)}"
        )
    blocks = [Block(line, line) for line in lines]
    count = counted(len(lines), "problem")
    tail = f"**{count}; nothing is planned before the files are valid.**"
    head = "## Model registry: invalid files\n"
    yield bounded(head, blocks, tail, "problem", limit or LIMIT, "\n")


def github_annotations(snapshot: Snapshot) -> Iterator[str]:
    """One of GitHub's workflow commands, `::error …::` or `::warning …::`, for each problem. GitHub
    shows them on the lines of a pull request. Text from files cannot start a command of its own.

    GitHub shows ten errors and ten warnings of a step. If there are more, the first one says so.
    """
    for severity in ("error", "warning"):
        count = sum(1 for problem in snapshot.problems if problem.severity == severity)
        if count > _SHOWN:
            yield (
                f"::{severity} title={count} {severity}s::GitHub shows {_SHOWN} {severity}s of a"
                f" step, this one included. All {count} are in the step's log."
            )
    for problem in snapshot.problems:
        position = ",".join(
            [
                f"file={_property(problem.file)}",
                f"line={problem.line}",
                f"col={problem.column}",
                f"title={_property(problem.code)}",
            ]
        )
        yield f"::{problem.severity} {position}::{_message(problem.message)}"


def _message(text: str) -> str:
    return _escaped(text).replace("::", ": :")


def _property(text: str) -> str:
    """GitHub reads these escapes back, so that the path of a file stays what it is."""
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")


def _escaped(text: str) -> str:
    """Escape line breaks as GitHub does, and everything else that could move a log's cursor."""
    parts = text.replace("%", "%25").replace("\r", "%0D").split("\n")
    return "%0A".join(safe(part) for part in parts).replace("##[", "# #[")
