"""Rename a model."""

from __future__ import annotations

from typing import Annotated

import typer

from mlflow_gitops.cli import completion
from mlflow_gitops.cli.app import app, format_option
from mlflow_gitops.render import formats


@app.command()
def rename(
    context: typer.Context,
    old: Annotated[
        str,
        typer.Argument(
            metavar="OLD", help="The model's present name.", autocompletion=completion.models
        ),
    ],
    new: Annotated[str, typer.Argument(metavar="NEW", help="The name that it gets.")],
    apply: Annotated[
        bool,
        typer.Option(
            "--apply",
            help="Rename the model in MLflow, too; after the merge, that is all this does.",
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the diff and write nothing.")
    ] = False,
    form: Annotated[str, format_option(formats.EDIT)] = "text",
) -> None:
    """Give a model another name: move its manifest and its lines in CODEOWNERS, and list the old
    name in `formerly`, so that its history, its gates and its rollbacks go on.

    MLflow is renamed only with --apply.

    Example: mlflow-gitops rename risk-scorer fraud-scorer
    """
    from mlflow_gitops.commands import rename as command

    raise typer.Exit(command.run(context.obj, old, new, apply=apply, dry_run=dry_run, form=form))
