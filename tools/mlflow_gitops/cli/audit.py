"""Commands of the audit trail: verify."""

from __future__ import annotations

from pathlib import Path
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


@app.command()
def report(
    context: typer.Context,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder; the page is DIR/index.html.")],
    offline: Annotated[bool, typer.Option("--offline", help="Do not ask MLflow; show what git says alone.")] = False,
) -> None:
    """Write the audit trail and today's state as one HTML page that opens from disk and asks nobody.

    Example: mlflow-gitops report --out public
    """
    from mlflow_gitops.commands import report as command

    raise typer.Exit(command.run(context.obj, out, offline=offline))
