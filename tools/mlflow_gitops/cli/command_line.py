"""Runs one command line: parses the arguments, calls one command, and turns what it raises into a
message and an exit code."""

from __future__ import annotations

import contextlib
import inspect
import io
import os
import sys
from collections.abc import Callable, Sequence
from copy import copy
from functools import cache
from itertools import pairwise
from typing import Any, TextIO

import click
import typer
from typer.models import CommandInfo

from mlflow_gitops.cli.app import app
from mlflow_gitops.cli.completion import answering, is_requested
from mlflow_gitops.errors import ERROR, INTERRUPTED, UNREAD, USAGE, Failure, UsageFailure, shortage
from mlflow_gitops.settings import Settings

_HELP = {"-h", "--help"}
_STATIC_TEXT = {"--help", "-h", "--version"}
"""Options that print this package's own text alone. It needs no filter, and loading the filters
takes longer than printing it."""


def main(arguments: Sequence[str] | None = None, settings: Settings | None = None) -> int:
    """Run the command line and return its exit code (DESIGN §5).

    An error that a user can cause is printed as a message without a traceback. `settings` gives
    what no option sets: the clock, and how long to wait for others.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    _prepare_streams()
    try:
        if _STATIC_TEXT & set(arguments) or is_requested():
            return _exit_code(arguments, settings)

        from mlflow_gitops.edges.system.streams import guarded_streams

        with guarded_streams(_neutraliser):
            return _exit_code(arguments, settings)
    finally:
        _drop_unwritten_messages()


def _neutraliser() -> Callable[[str], str]:
    from mlflow_gitops.app.runners import current_runner

    return current_runner().neutralised


def _exit_code(arguments: list[str], settings: Settings | None) -> int:
    try:
        return _run(arguments, settings)
    except Failure as error:
        if str(error):
            _print_message("error", str(error))
            _print_json(arguments, error.code, error.message, error.fix)
        return error.exit_code
    except click.UsageError as error:
        from mlflow_gitops.cli.usage_hints import with_hint

        shown, hint = with_hint(error, arguments)
        with contextlib.suppress(OSError):
            shown.show()
        _print_json(arguments, UsageFailure.code, shown.format_message(), hint)
        return USAGE
    except (KeyboardInterrupt, typer.Abort):
        _print_message("interrupted")
        _print_json(arguments, "interrupted", "The run was interrupted.")
        return INTERRUPTED
    except BrokenPipeError:
        # The program that read our output has ended; it needs no more of it.
        _discard_output()
        return UNREAD
    except (OSError, MemoryError, RuntimeError) as error:
        message = shortage(error)
        if message is None:
            raise
        _discard_output()
        _print_message("error", message)
        return ERROR


def _run(arguments: list[str], settings: Settings | None) -> int:
    """Parse the arguments and call their command."""
    if "" in arguments:
        from mlflow_gitops.cli.usage_hints import check_arguments

        check_arguments(arguments)
    command = needed_command(arguments)
    with answering():
        try:
            code = command.main(
                args=arguments, prog_name="mlflow-gitops", standalone_mode=False, obj=settings
            )
        except SystemExit as end:
            # Click ends the process by itself if a pipe is broken, with exit code 1.
            if isinstance(end.__context__, BrokenPipeError):
                raise end.__context__ from None
            raise
    sys.stdout.flush()
    return int(code or 0)


def needed_command(arguments: Sequence[str]) -> click.Command:
    """The root command for these arguments. A process that runs several command lines builds it
    once. Typer takes a millisecond to build a command with its options, and there are forty.

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


def _prepare_streams() -> None:
    """Open the streams that the calling program closed, and replace characters that a stream cannot
    encode."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # Otherwise the next file that is opened would take the stream's place.
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        # A character that the terminal or pipe cannot show is replaced. A stream that a test put
        # here may not be reconfigurable.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_error_handler(stream.encoding))


def _error_handler(encoding: str) -> str:
    """What a stream does with characters that it cannot encode."""
    if encoding.lower().startswith("utf"):
        return "replace"

    from mlflow_gitops.render.console import plain_signs

    plain_signs.register()
    return plain_signs.HANDLER


def _discard_output() -> None:
    """Throw away everything that is or will be written to stdout."""
    _redirect_to_null(sys.stdout)


def _drop_unwritten_messages() -> None:
    """Throw away messages that stderr cannot take, such as on a full disk. Python would try to
    write them again at exit, fail, and end with 120 instead of the command's exit code (3.14)."""
    try:
        sys.stderr.flush()
    except OSError:
        _redirect_to_null(sys.stderr)
    except ValueError:
        return  # it was closed


def _redirect_to_null(stream: TextIO) -> None:
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _print_json(arguments: Sequence[str], code: str, message: str, fix: str = "") -> None:
    """Print a failure to stdout as well, as the only JSON document, if --format json or jsonl was
    asked for and no other document was printed."""
    values = [argument.partition("=")[2] for argument in arguments if "--format=" in argument]
    values += [value for option, value in pairwise(arguments) if option == "--format"]
    if not {"json", "jsonl"} & set(values) or getattr(sys.stdout, "is_used", True):
        return

    from mlflow_gitops.render.terminal import JSON_SCHEMA, as_json

    error = {"code": code, "message": message, "fix": fix}
    with contextlib.suppress(OSError):
        print(as_json({"schema": JSON_SCHEMA, "error": error}), flush=True)


def _print_message(label: str, text: str = "") -> None:
    """Print one line to stderr. A stderr that is closed is no further error."""
    from mlflow_gitops.render.terminal import Style, safe

    style = Style(sys.stderr)
    line = f"{style(label, 'red')}: {safe(text)}" if text else label
    with contextlib.suppress(OSError):
        print(line, file=sys.stderr, flush=True)
