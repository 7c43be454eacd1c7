"""The command line: parse, call one command, turn what it raises into a message and an exit code.
Nothing else."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from collections.abc import Sequence
from copy import copy
from typing import Any

import typer

from mlflow_gitops.cli.app import app
from mlflow_gitops.cli.completion import answering

# Each registers its commands, and `--help` lists them in this order.
# isort: off
from mlflow_gitops.cli import inspect, reconcile  # noqa: F401
from mlflow_gitops.cli import authoring, audit, setup, github  # noqa: F401

# isort: on
from mlflow_gitops.errors import ERROR, INTERRUPTED, USAGE, Failure, shortage

# What click calls UsageError: Typer's public surface shows only its subclass.
_UsageError: Any = typer.BadParameter.__mro__[1]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code (DESIGN §5). No traceback for anything a user
    can cause."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # Closed by whoever started this: no file that is opened later may take its place.
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        # A terminal or pipe that cannot show a character gets a stand-in instead of a crash.
        getattr(stream, "reconfigure", lambda **_: None)(errors="replace")
    try:
        given = list(sys.argv[1:] if arguments is None else arguments)
        command = typer.main.get_command(_meant(given))
        with answering():
            code = command.main(args=given, prog_name="mlflow-gitops", standalone_mode=False)
        sys.stdout.flush()
        return int(code or 0)
    except Failure as error:
        if str(error):
            _say(f"error: {error}")
        return error.exit_code
    except _UsageError as error:
        with contextlib.suppress(OSError):
            error.show()
        return USAGE
    except (KeyboardInterrupt, typer.Abort):
        _say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone; what it did not want is no error of ours.
        _forget_output()
        return ERROR
    except (OSError, MemoryError, RuntimeError) as error:
        said = shortage(error)
        if said is None:
            raise
        _forget_output()
        _say(f"error: {said}")
        return ERROR


def _forget_output() -> None:
    """Nothing more is written to stdout, nor what waits to be."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _meant(arguments: Sequence[str]) -> typer.Typer:
    """The application with those commands alone that the arguments name: Typer takes a millisecond
    to build each, and there are twenty. All of them for help, for a misspelt name, and where a
    shell asks what there is."""
    named = [one for one in app.registered_commands if _name(one) in arguments]
    if not named or {"-h", "--help"} & set(arguments):
        return app
    few = copy(app)
    few.registered_commands = named
    return few


def _name(command: Any) -> str:
    return str(command.name or typer.main.get_command_name(command.callback.__name__))


def _say(text: str) -> None:
    from mlflow_gitops.render.terminal import Style, safe

    style = Style(sys.stderr)
    head, _, rest = text.partition(": ")
    with contextlib.suppress(OSError):
        print(
            f"{style(head, 'red')}: {safe(rest)}" if rest else safe(text),
            file=sys.stderr,
            flush=True,
        )


def entry() -> None:
    """The `mlflow-gitops` script."""
    # Ten thousand manifests are millions of objects that stay; looking through them for garbage, as
    # often as Python would, takes a fifth of the time and finds none.
    gc.set_threshold(200_000, 50, 50)
    code = main()
    gc.freeze()  # nor is there any to be found at the end
    raise SystemExit(code)
