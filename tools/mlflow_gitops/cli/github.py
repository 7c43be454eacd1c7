"""What the workflows call, apart from the commands of people: `mlflow-gitops github …`, hidden from
`--help`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from mlflow_gitops.cli.app import Models, app

github = typer.Typer(
    name="github",
    help="What the GitHub workflows call. Values come from GitHub's own variables and event file.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(github, hidden=True)


@github.command()
def plan(
    context: typer.Context,
    head: Annotated[
        Optional[str],
        typer.Argument(
            metavar="[SHA]",
            help="The pull request's head. [default: the workflow_run event's]",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Plan the open pull request with this head: one comment, the commit status mlflow-gitops/plan,
    the job's summary.

    Example: mlflow-gitops github plan "$HEAD_SHA"
    """
    from mlflow_gitops.commands import github as command

    raise typer.Exit(command.plan(context.obj, head))


@github.command()
def drift(context: typer.Context) -> None:
    """Keep one issue about what drifted and is left so; set the output heal where reconcile has
    something to do.

    Example: mlflow-gitops github drift
    """
    from mlflow_gitops.commands import github as command

    raise typer.Exit(command.drift(context.obj))


@github.command()
def summary(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="What reconcile --format json printed.")
    ],
) -> None:
    """Write a reconcile's job summary, and its output changed: what a deploy job's matrix takes.

    Example: mlflow-gitops github summary reconciled.json
    """
    from mlflow_gitops.commands import github as command

    raise typer.Exit(command.summary(context.obj, file))


@github.command()
def propose(
    context: typer.Context,
    models: Models = None,
    stage: Annotated[
        Optional[str],
        typer.Option(
            metavar="STAGE",
            help="Propose for this stage. [default: the policy's propose]",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the diffs and write nothing.")
    ] = False,
) -> None:
    """Keep one pull request a model that proposes its newest version; set the output branches to
    what was pushed.

    Example: mlflow-gitops github propose fraud-detector
    """
    from mlflow_gitops.commands import propose as command

    raise typer.Exit(command.run(context.obj, models or [], stage, dry_run=dry_run))
