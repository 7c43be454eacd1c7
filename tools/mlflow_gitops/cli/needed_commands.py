"""The commands that a command line needs.

Typer takes a millisecond to build a command with its options, and there are forty.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from copy import copy
from functools import cache
from typing import Any

import click
import typer
from typer.models import CommandInfo

from mlflow_gitops.cli.app import app
from mlflow_gitops.cli.completion import is_requested

_HELP = {"-h", "--help"}


def needed_command(arguments: Sequence[str]) -> click.Command:
    """The root command for these arguments. A process that runs several command lines builds it
    once.

    A command or group that they do not name is not run: help and a suggestion for a misspelt name
    only list it, and otherwise it is left out. All are built in full while a shell completes.
    """
    return typer.main.get_command(app) if is_requested() else _command_for(_names_in(arguments))


@cache
def _command_for(names: frozenset[str]) -> click.Command:
    commands = [command for command in app.registered_commands if _name(command) in names]
    groups = [_smaller_group(group, names) for group in app.registered_groups]
    if not names - _HELP or _HELP & names:
        commands = [
            command if command in commands else _outline(command)
            for command in app.registered_commands
        ]

    smaller = copy(app)
    smaller.registered_commands, smaller.registered_groups = commands, groups
    return typer.main.get_command(smaller)


def _smaller_group(group: Any, names: frozenset[str]) -> Any:
    """A group with only the commands that are named; with all of them if the group is named and
    none of its commands is, or help is asked for."""
    commands = [c for c in group.typer_instance.registered_commands if _name(c) in names]
    is_named = group.typer_instance.info.name in names
    if is_named and (not commands or _HELP & names):
        return group

    smaller, application = copy(group), copy(group.typer_instance)
    application.registered_commands = commands if is_named else []
    smaller.typer_instance = application
    return smaller


def _outline(command: CommandInfo) -> CommandInfo:
    """The command as help lists it, without options."""
    outline = copy(command)
    outline.name = _name(command)
    outline.help = command.help or inspect.getdoc(command.callback)
    outline.callback = _not_run
    return outline


def _not_run() -> None:
    raise AssertionError("a command is run only if the arguments name it")


def _names_in(arguments: Sequence[str]) -> frozenset[str]:
    """Which arguments are names of commands or groups, or ask for help."""
    groups: list[Any] = [group.typer_instance for group in app.registered_groups]
    commands = [*app.registered_commands, *(c for g in groups for c in g.registered_commands)]
    names = {_name(command) for command in commands} | {str(group.info.name) for group in groups}
    return frozenset((names | _HELP) & set(arguments))


def _name(command: Any) -> str:
    return str(command.name or typer.main.get_command_name(command.callback.__name__))
