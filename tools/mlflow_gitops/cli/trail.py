"""Commands that read the audit trail from git and the receipts: log, show."""

from __future__ import annotations

from typing import Annotated, Literal, Optional

import typer

from mlflow_gitops.cli.app import TextOrJson, app

Model = Annotated[Optional[str], typer.Argument(metavar="[MODEL]", help="Only this model.", show_default=False)]


@app.command()
def log(
    context: typer.Context,
    model: Model = None,
    stage: Annotated[
        Optional[str],
        typer.Option(metavar="STAGE", help="Only this stage, or alias as @NAME.", show_default=False),
    ] = None,
    since: Annotated[
        Optional[str],
        typer.Option(
            metavar="TIME-or-REV",
            help="From 2026-01-31T12:00:00Z, from the end of 2026-01-31 UTC, or after a revision.",
            show_default=False,
        ),
    ] = None,
    until: Annotated[
        Optional[str], typer.Option(metavar="TIME-or-REV", help="Up to that time or revision.", show_default=False)
    ] = None,
    author: Annotated[
        Optional[str],
        typer.Option(
            metavar="TEXT", help="Only what this person wrote: part of a name or address.", show_default=False
        ),
    ] = None,
    form: Annotated[
        Literal["text", "json", "jsonl", "csv", "markdown"], typer.Option("--format", help="How to print the result.")
    ] = "text",
) -> None:
    """Tell the audit trail: who changed which stage, when, with whose approval, and when it took effect.

    Example: mlflow-gitops log fraud-detector --stage Production --since 2026-01-31
    """
    from mlflow_gitops.commands import log as command

    raise typer.Exit(command.run(context.obj, model, stage, since, until, author, form))


@app.command()
def show(
    context: typer.Context,
    model: Model = None,
    at: Annotated[
        Optional[str],
        typer.Option(
            metavar="TIME-or-REV",
            help="At 2026-01-31T12:00:00Z, at the end of 2026-01-31 UTC, or at a revision. [default: now]",
            show_default=False,
        ),
    ] = None,
    effective: Annotated[
        bool, typer.Option("--effective", help="What MLflow really had, by the receipts, not what git wanted.")
    ] = False,
    form: TextOrJson = "text",
) -> None:
    """Show who held which stage then, since when, and by which commit.

    Example: mlflow-gitops show fraud-detector --at 2026-01-31
    """
    from mlflow_gitops.commands import show as command

    raise typer.Exit(command.run(context.obj, model, at, form, in_effect=effective))
