"""Commands that explain the program: explain and help."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from mlflow_gitops.cli import completion
from mlflow_gitops.cli.app import app, format_option
from mlflow_gitops.render import formats


@app.command()
def explain(
    context: typer.Context,
    code: Annotated[
        Optional[list[str]],
        typer.Argument(
            metavar="[CODE]",
            help="The code as it was printed. [default: list all codes]",
            show_default=False,
            autocompletion=completion.codes,
        ),
    ] = None,
    form: Annotated[str, format_option(formats.EXPLAIN)] = "text",
) -> None:
    """Explain a code that some command printed: what it means, why, and the ways out.

    Codes are those of validate's errors, of refusals and gates in a plan, of verify's findings, of
    doctor's checks, and of errors in JSON.

    Example: mlflow-gitops explain stage-one-version
    """
    from mlflow_gitops.commands import explain as command

    raise typer.Exit(command.run(context.obj, " ".join(code or []), form))


@app.command("help")
def help_(
    command: Annotated[
        Optional[list[str]],
        typer.Argument(
            metavar="[COMMAND]",
            help="The command to show the help of. [default: all]",
            show_default=False,
            autocompletion=completion.commands,
        ),
    ] = None,
) -> None:
    """Show the help of a command, as COMMAND --help does.

    Example: mlflow-gitops help promote
    """
    from mlflow_gitops.cli.command_line import main

    raise typer.Exit(main([*(command or []), "--help"]))
