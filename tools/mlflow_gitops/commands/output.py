"""Where commands print: data on stdout, everything else on stderr, progress only where a person
watches."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable
from typing import Any

from mlflow_gitops.core.manifests.snapshot import Snapshot
from mlflow_gitops.errors import INVALID
from mlflow_gitops.render import problems
from mlflow_gitops.render.terminal import Style, as_json, safe
from mlflow_gitops.settings import Settings


def emit(lines: Iterable[str]) -> None:
    """Print result lines to stdout."""
    for line in lines:
        print(line)


def emit_json(value: Any) -> None:
    """Print one JSON document to stdout. What no terminal should see stands in it as JSON's own
    escapes."""
    print(as_json(value, indent=2))


def note(settings: Settings, text: str) -> None:
    """Say something beside the result, unless --quiet."""
    if settings.verbosity >= 0:
        aside(safe(text))


def warn(text: str) -> None:
    """Say something that must not be missed."""
    aside(f"{Style(sys.stderr)('warning', 'yellow')}: {safe(text)}")


def aside(line: str) -> None:
    """Print a line to stderr. Where nobody can be told, nothing is given up for that."""
    with contextlib.suppress(OSError):
        print(line, file=sys.stderr, flush=True)


def steps(settings: Settings) -> Callable[[str], None]:
    """A callback that shows what long work is at: on a terminal, or with --verbose."""
    if settings.verbosity > 0 or (settings.verbosity == 0 and sys.stderr.isatty()):
        return lambda step: aside(f"{step} …")
    return lambda step: None


def report_invalid(snapshot: Snapshot, form: str) -> int:
    """Print why a snapshot cannot be planned, as `validate` does, and return the exit code."""
    if form == "json":
        emit_json(problems.data(snapshot))
    elif form == "markdown":
        from mlflow_gitops.render import plan_markdown  # with all that a plan's page needs

        emit(plan_markdown.problems(snapshot.errors))
    else:
        emit(problems.text(snapshot.errors))
    return INVALID
