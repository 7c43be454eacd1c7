"""What a usage error adds to click's sentence: where an option belongs, and how to pass a name that
begins with a dash."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import click

from mlflow_gitops.errors import UsageFailure


def check_arguments(arguments: Sequence[str]) -> None:
    """Raise UsageFailure if a name or a path is empty, as after "$MODEL" in a shell where that is
    not set. An option may be empty: it counts as not set."""
    for previous, argument in pairwise(["", *arguments]):
        if not argument and not previous.startswith("-"):
            raise UsageFailure(
                "An argument is empty.", fix="Check that the shell has the variable in its place."
            )


def with_hint(error: click.UsageError, arguments: Sequence[str]) -> tuple[click.UsageError, str]:
    """The error with a hint, if there is one, and the hint."""
    if not isinstance(error, click.NoSuchOption) or error.ctx is None:
        return error, ""
    hint = _misplaced(error, error.ctx) or _dashed_name(error, arguments)
    if not hint:
        return error, ""
    return click.UsageError(f"No such option {error.option_name!r}. {hint}", error.ctx), hint


def _misplaced(error: click.NoSuchOption, context: click.Context) -> str:
    """The hint for an option that exists, on the other side of the command's name."""
    option, root = error.option_name, context.find_root().command
    if context.command is not root:
        if not _takes(root, option):
            return ""
        return f"Set it before the command: mlflow-gitops {option} … {context.info_name}"

    commands = root.commands.values() if isinstance(root, click.Group) else ()
    if not any(_takes(command, option) for command in commands):
        return ""
    return f"It belongs to a command: mlflow-gitops COMMAND {option} …"


def _takes(command: click.Command, option: str) -> bool:
    return any(option in parameter.opts for parameter in command.params)


def _dashed_name(error: click.NoSuchOption, arguments: Sequence[str]) -> str:
    """The hint for an argument such as `-churn`, which was read as options."""
    for argument in arguments:
        if len(argument) > 2 and argument[:2] == error.option_name and argument[1] != "-":
            return f"If {argument} is a name, write it after the options and --: -- {argument}"
    return ""
