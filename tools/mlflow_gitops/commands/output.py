"""Where commands print: data on stdout, everything else on stderr, progress only on a terminal."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable

from mlflow_gitops.core.manifests.snapshot import Snapshot
from mlflow_gitops.core.yaml.problems import Problem
from mlflow_gitops.edges.system.streams import print_command
from mlflow_gitops.errors import INVALID
from mlflow_gitops.render.formats import (
    COMMANDS_OF_A_RUNNER,
    INVALID_FILES,
    Formats,
    Result,
    is_for_programs,
)
from mlflow_gitops.render.terminal import Style, safe
from mlflow_gitops.settings import Settings


def print_result(formats: Formats[Result], form: str, result: Result) -> None:
    """Print a command's result to stdout, in the format that `--format` names."""
    lines = formats.renderer(form)(result)
    if form not in COMMANDS_OF_A_RUNNER:
        return emit(lines)
    for line in lines:
        print_command(line)


def emit(lines: Iterable[str]) -> None:
    """Print result lines to stdout."""
    for line in lines:
        sys.stdout.write(f"{line}\n")  # print() would write twice


def note(settings: Settings, text: str) -> None:
    """Print a remark to stderr, unless --quiet."""
    if settings.verbosity >= 0:
        print_to_stderr(safe(text))


def note_for_people(settings: Settings, form: str, text: str) -> None:
    """Print a remark to stderr, unless --quiet or unless a program reads the result."""
    if not is_for_programs(form):
        note(settings, text)


def warn(text: str) -> None:
    """Print a warning to stderr, even with --quiet."""
    print_to_stderr(f"{Style(sys.stderr)('warning', 'yellow')}: {safe(text)}")


def print_to_stderr(line: str) -> None:
    """Print a line to stderr. The command goes on if stderr is closed."""
    with contextlib.suppress(OSError):
        print(line, file=sys.stderr, flush=True)


def steps(settings: Settings) -> Callable[[str], None]:
    """A callback that shows the current step of long work, on a terminal or with --verbose."""
    if settings.verbosity > 0 or (settings.verbosity == 0 and sys.stderr.isatty()):
        return lambda step: print_to_stderr(f"{step} …")
    return lambda step: None


def long_steps(settings: Settings) -> Callable[[str], None]:
    """A callback that shows the current step of work that may take minutes. The step also appears
    in a log, unless --quiet."""
    return lambda step: note(settings, f"{step} …")


def report_errors(problems: Iterable[Problem]) -> None:
    """Print the errors of files to stderr, beside a result or a failure on stdout."""
    from mlflow_gitops.render.problems import problem_lines

    for line in problem_lines(problems):
        print_to_stderr(line)


def report_invalid(snapshot: Snapshot, form: str) -> int:
    """Print the errors that make a snapshot invalid, and return the exit code. A format that this
    report does not have is replaced by text."""
    print_result(INVALID_FILES, form if form in INVALID_FILES.names else "text", snapshot)
    return INVALID
