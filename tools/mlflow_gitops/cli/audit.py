"""Commands of the audit trail: verify."""

from __future__ import annotations

from typing import Annotated

import typer

from mlflow_gitops.cli.app import Models, TextOrJson, app


@app.command()
def verify(
    context: typer.Context,
    models: Models = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Fail on models in MLflow that nobody manages here, too.")
    ] = False,
    signatures: Annotated[
        bool,
        typer.Option(
            "--signatures", help="The commits that put versions in their stages must be signed, by git's own judgement."
        ),
    ] = False,
    form: TextOrJson = "text",
) -> None:
    """Check that git and the receipts explain all that MLflow shows. Exits 4 when something is unexplained.

    Example: mlflow-gitops verify --signatures
    """
    from mlflow_gitops.commands import verify as command

    code = command.run(context.obj, models or [], everything=everything, signatures=signatures, form=form)
    raise typer.Exit(code)
