"""`mlflow-gitops github …`: the commands that workflows run, which `--help` does not list."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from mlflow_gitops.cli.app import Models, app
from mlflow_gitops.cli.help_format import CommandGroup

github = typer.Typer(
    name="github",
    cls=CommandGroup,
    help="The commands that workflows run. Each reads the job's variables and its event.",
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
            help="The pull request's head. [default: the event's]",
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
    """Report drift that stays in one issue, and set the output heal to whether reconcile has
    something to do.

    Example: mlflow-gitops github drift
    """
    from mlflow_gitops.commands import github as command

    raise typer.Exit(command.drift(context.obj))


@github.command()
def verify(context: typer.Context) -> None:
    """Verify everything, files included, and report what is unexplained in one issue. Exits 4 if
    something is.

    Example: mlflow-gitops github verify
    """
    from mlflow_gitops.commands import verify_issue as command

    raise typer.Exit(command.run(context.obj))


@github.command()
def summary(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="What reconcile --format json printed.")
    ],
) -> None:
    """Write a reconcile's job summary, and set the output changed for the matrix of a deploy job.

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
    """Keep one pull request for each model that proposes its newest version, and set the output
    branches to those that were pushed.

    Example: mlflow-gitops github propose fraud-detector
    """
    from mlflow_gitops.commands import propose as command

    raise typer.Exit(command.run(context.obj, models or [], stage, dry_run=dry_run))


@github.command()
def health(
    context: typer.Context,
    models: Models = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the diffs and write nothing.")
    ] = False,
) -> None:
    """Keep one pull request for each unhealthy stage that rolls it back, or one issue if the policy
    asks for reports or no version is left, and set the output branches to those that were pushed.

    Exits 4 if one of these waits for a person, 1 if some health is not known.

    Example: mlflow-gitops github health fraud-detector
    """
    from mlflow_gitops.commands import way_back as command

    raise typer.Exit(command.run(context.obj, models or [], dry_run=dry_run))
