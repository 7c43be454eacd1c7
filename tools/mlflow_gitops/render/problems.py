"""What is wrong with files, as text and as JSON. Apart from the other forms, since a check of one
file needs no plan."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from mlflow_gitops.core.manifests.snapshot import Snapshot
from mlflow_gitops.core.yaml.problems import Problem
from mlflow_gitops.render.terminal import safe


def text(found: Iterable[Problem]) -> Iterator[str]:
    """One line a problem: `file:line:column: severity code: message`."""
    for one in found:
        yield (
            f"{safe(one.file)}:{one.line}:{one.column}: {one.severity}[{one.code}]:"
            f" {safe(one.message)}"
        )


def data(snapshot: Snapshot) -> dict[str, Any]:
    """`{"manifests", "errors", "warnings"}`."""
    return {
        "manifests": snapshot.count,
        "errors": [_problem(one) for one in snapshot.errors],
        "warnings": [_problem(one) for one in snapshot.warnings],
    }


def _problem(one: Problem) -> dict[str, Any]:
    return {
        "file": one.file,
        "line": one.line,
        "column": one.column,
        "code": one.code,
        "message": one.message,
    }
