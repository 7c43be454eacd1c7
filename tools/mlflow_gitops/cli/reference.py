"""Commands that answer questions: whether a version runs, how it was made, what a code means, and
what a command does."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Optional

import click
import typer

from mlflow_gitops.cli import completion
from mlflow_gitops.cli.app import app, format_option
from mlflow_gitops.render import formats

_Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL", help="The model's name in MLflow.", autocompletion=completion.models
    ),
]
_Version = Annotated[
    str,
    typer.Argument(
        metavar="VERSION", help="A version's number, a stage or an alias in MLflow, or latest."
    ),
]


@app.command()
def check(
    context: typer.Context,
    model: _Model,
    version: _Version,
    env_manager: Annotated[
        str,
        typer.Option(
            "--env-manager",
            click_type=click.Choice(["uv", "virtualenv", "local"]),
            help="What makes the environment. local makes none: this Python runs the model.",
        ),
    ] = "uv",
    stage: Annotated[
        Optional[str],
        typer.Option(
            "--stage",
            metavar="STAGE",
            help="Only what the policy asks before this stage. [default: all stages]",
            show_default=False,
            autocompletion=completion.stages,
        ),
    ] = None,
    time_limit: Annotated[
        str,
        typer.Option(
            "--time-limit",
            metavar="TIME",
            help="How long the making of the environment may take, and the run of the model.",
        ),
    ] = "15m",
    memory_limit: Annotated[
        str,
        typer.Option(
            "--memory-limit", metavar="SIZE", help="How much memory the model's process may have."
        ),
    ] = "8GiB",
    record: Annotated[
        bool,
        typer.Option(
            "--record", help="Write the result to MLflow, as a run that the gate checked reads."
        ),
    ] = False,
    user: Annotated[
        Optional[str],
        typer.Option(
            "--as",
            metavar="USER",
            help="The user that the run names. [default: MLFLOW_TRACKING_USERNAME, or yours]",
            show_default=False,
        ),
    ] = None,
    to: Annotated[
        Optional[Path],
        typer.Option(
            "--to",
            metavar="DIR",
            help="Download what the check needs, and run nothing: for a job without credentials.",
            show_default=False,
        ),
    ] = None,
    source: Annotated[
        Optional[Path],
        typer.Option(
            "--from",
            metavar="DIR",
            help="Run what --to downloaded. Neither MLflow nor git is asked.",
            show_default=False,
        ),
    ] = None,
    result: Annotated[
        Optional[Path],
        typer.Option(
            "--result",
            metavar="FILE",
            help="Take the JSON that --from printed in another job, instead of running anything.",
            show_default=False,
        ),
    ] = None,
    digest: Annotated[
        Optional[str],
        typer.Option(
            "--digest",
            metavar="DIGEST",
            help="The digest that --to printed. [default: the files are read again]",
            show_default=False,
        ),
    ] = None,
    form: Annotated[str, format_option(formats.CHECK)] = "text",
) -> None:
    """Run a version in an environment of its own, and measure it.

    The model is loaded and predicts its input example; the answer must fit the signature. Then it
    predicts the dataset that the gate checked names in the policy, and MLflow evaluates that. The
    model's code runs in a process without credentials, within limits. stderr shows each step, which
    may take minutes. Exit code 4: it failed, or is not what the policy asks.

    Example: mlflow-gitops check fraud-detector 14 --env-manager local
    """
    from mlflow_gitops.commands import check as command

    if sum(option is not None for option in (to, source, result)) > 1:
        raise click.UsageError("Only one of --to, --from and --result can be given.")
    if record and (to is not None or source is not None):
        raise click.UsageError("--record needs MLflow: run it here, or record with --result.")
    if digest is not None and result is None:
        raise click.UsageError("--digest goes with --result.")

    if to is not None:
        raise typer.Exit(command.run_download(context.obj, model, version, to, form, stage))
    import getpass

    name = user or os.environ.get("MLFLOW_TRACKING_USERNAME") or getpass.getuser()
    record_as = name if record else None
    if result is not None:
        code = command.run_result(
            context.obj, model, version, result, digest, form, stage=stage, record_as=record_as
        )
        raise typer.Exit(code)

    options = command.check_options(env_manager, time_limit, memory_limit)
    if source is not None:
        raise typer.Exit(command.run_downloaded(context.obj, source, options, form))
    code = command.run(context.obj, model, version, options, form, stage=stage, record_as=record_as)
    raise typer.Exit(code)


@app.command()
def reproduce(
    context: typer.Context,
    model: _Model,
    version: _Version,
    out: Annotated[
        Optional[Path],
        typer.Option(
            "--out",
            "-o",
            metavar="DIR",
            help="Write a script and what it needs into this new folder. [default: only show it]",
            show_default=False,
        ),
    ] = None,
    form: Annotated[str, format_option(formats.REPRODUCE)] = "text",
) -> None:
    """Show how a version was made, from pins, its run and receipts: code commit, DVC data,
    requirements, parameters, the command that MLflow recorded, and what is missing.

    With --out, reproduce.sh rebuilds the model's environment and starts the training. Nothing is
    run. What MLflow holds may have been written by anybody: read the script before you start it.

    Example: mlflow-gitops reproduce fraud-detector Production --out again
    """
    from mlflow_gitops.commands import reproduce as command

    raise typer.Exit(command.run(context.obj, model, version, out, form))


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
