"""Commands for what deploys and loads models: resolve, fetch. Neither changes git or MLflow."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

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
_Stage = Annotated[
    str,
    typer.Argument(
        metavar="STAGE",
        help="Production, Staging, a stage that the policy defines, or an alias as @NAME.",
        autocompletion=completion.stages,
    ),
]
_Effective = Annotated[
    bool,
    typer.Option(
        "--effective",
        help=(
            "The version that a reconcile put into the stage, as receipts say, instead of the one"
            " that was merged last."
        ),
    ),
]


@app.command()
def resolve(
    context: typer.Context,
    model: _Model,
    stage: _Stage,
    effective: _Effective = False,
    form: Annotated[str, format_option(formats.RESOLVE)] = "text",
) -> None:
    """Print which version holds a stage, with its URI, digest, run and commit: from git alone, so
    that it works offline.

    Example: mlflow-gitops resolve fraud-detector Production --format env
    """
    from mlflow_gitops.commands import resolve as command

    raise typer.Exit(command.run(context.obj, model, stage, form, effective=effective))


@app.command()
def fetch(
    context: typer.Context,
    model: _Model,
    stage: _Stage,
    to: Annotated[
        Path,
        typer.Option("--to", metavar="DIR", help="The folder that gets the files; a new one."),
    ],
    effective: _Effective = False,
    form: Annotated[str, format_option(formats.RESOLVE)] = "text",
) -> None:
    """Download the files of the version that holds a stage, if they are those that git pins.

    The files are compared with the pinned digest before the folder appears. If they differ, nothing
    is left, and the exit code is 4. A folder that has these files already is left as it is.

    Example: mlflow-gitops fetch fraud-detector Production --to model
    """
    from mlflow_gitops.commands import fetch as command

    raise typer.Exit(command.run(context.obj, model, stage, to, form, effective=effective))
