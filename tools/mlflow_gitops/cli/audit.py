"""The audit trail: log, show, verify, report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from mlflow_gitops.cli import completion
from mlflow_gitops.cli.app import Models, app, format_option
from mlflow_gitops.render import formats

Model = Annotated[
    Optional[str],
    typer.Argument(
        metavar="[MODEL]",
        help="Only this model.",
        show_default=False,
        autocompletion=completion.models,
    ),
]


@app.command()
def log(
    context: typer.Context,
    model: Model = None,
    stage: Annotated[
        Optional[str],
        typer.Option(
            metavar="STAGE",
            help="Only this stage, or alias as @NAME.",
            show_default=False,
            autocompletion=completion.stages,
        ),
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
        Optional[str],
        typer.Option(
            metavar="TIME-or-REV", help="Up to that time or revision.", show_default=False
        ),
    ] = None,
    author: Annotated[
        Optional[str],
        typer.Option(
            metavar="TEXT",
            help="Only what this person wrote: part of a name or address.",
            show_default=False,
        ),
    ] = None,
    form: Annotated[str, format_option(formats.LOG)] = "text",
) -> None:
    """Tell the audit trail: who changed which stage, when, with whose approval, and when it took
    effect.

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
        bool,
        typer.Option(
            "--effective", help="What MLflow really had, by the receipts, not what git wanted."
        ),
    ] = False,
    lineage: Annotated[
        bool,
        typer.Option(
            "--lineage",
            help="Ask MLflow which run, data and code commit the model's versions were made from.",
        ),
    ] = False,
    form: Annotated[str, format_option(formats.SHOW)] = "text",
) -> None:
    """Show who held which stage then, since when, and by which commit.

    Example: mlflow-gitops show fraud-detector --at 2026-01-31
    """
    from mlflow_gitops.commands import show as command

    raise typer.Exit(
        command.run(context.obj, model, at, form, in_effect=effective, lineage=lineage)
    )


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
            "--signatures",
            help="The commits that put versions in their stages must be signed, by git's own judgement.",
        ),
    ] = False,
    form: Annotated[str, format_option(formats.VERIFY)] = "text",
) -> None:
    """Check that git and the receipts explain all that MLflow shows. Exits 4 when something is
    unexplained.

    Example: mlflow-gitops verify --signatures
    """
    from mlflow_gitops.commands import verify as command

    code = command.run(
        context.obj, models or [], everything=everything, signatures=signatures, form=form
    )
    raise typer.Exit(code)


@app.command()
def report(
    context: typer.Context,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="The folder; the page is DIR/index.html.")
    ],
    offline: Annotated[
        bool, typer.Option("--offline", help="Do not ask MLflow; show what git says alone.")
    ] = False,
) -> None:
    """Write the audit trail and today's state as one HTML page that opens from disk and asks
    nobody.

    Example: mlflow-gitops report --out public
    """
    from mlflow_gitops.commands import report as command

    raise typer.Exit(command.run(context.obj, out, offline=offline))
