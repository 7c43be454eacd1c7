"""GitHub's workflow commands: problems as annotations on the lines of a pull request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mlflow_gitops.core.yaml.problems import Problem
from mlflow_gitops.render.terminal import safe


def workflow_commands(found: Iterable[Problem]) -> Iterator[str]:
    """One `::error …::` or `::warning …::` line a problem. What a file says cannot start a command
    of its own."""
    for one in found:
        place = f"file={_property(one.file)},line={one.line},col={one.column},title={_property(one.code)}"
        yield f"::{one.severity} {place}::{_message(one.message)}"


def _message(text: str) -> str:
    """Line breaks in GitHub's own escapes; whatever else could move a cursor in a log as `safe`
    shows it."""
    parts = text.replace("%", "%25").replace("\r", "%0D").split("\n")
    return "%0A".join(safe(part) for part in parts)


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
