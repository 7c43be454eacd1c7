"""Command lines that are only parsed."""

from __future__ import annotations

import shlex
from functools import cache
from typing import Any


@cache
def root_command() -> Any:
    """The command line with all its commands, which take a while to build."""
    from typer.main import get_command

    from mlflow_gitops.cli import app

    return get_command(app)


def understood(line: str) -> None:
    """The arguments are ones that the command takes; assignments may come before it."""
    root = root_command()
    words = shlex.split(line, comments=True)
    words = words[words.index("mlflow-gitops") + 1 :]
    with root.make_context("mlflow-gitops", words) as context:
        name, command, rest = root.resolve_command(
            context, [*context._protected_args, *context.args]
        )  # type: ignore[attr-defined]
        assert command is not None
        command.make_context(name, rest, parent=context).close()
