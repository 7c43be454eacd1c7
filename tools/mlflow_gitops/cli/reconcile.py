"""Commands that change MLflow: reconcile, and the demo on an MLflow of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from mlflow_gitops.cli.app import Models, app, format_option
from mlflow_gitops.errors import UsageFailure
from mlflow_gitops.render import formats


@app.command()
def reconcile(
    context: typer.Context,
    models: Models = None,
    plan_file: Annotated[
        Optional[Path],
        typer.Option(
            "--plan",
            metavar="FILE",
            help="Apply a saved plan, unless git or MLflow changed since.",
            show_default=False,
        ),
    ] = None,
    rev: Annotated[
        str, typer.Option(metavar="REV", help="The commit of the main branch to reconcile to.")
    ] = "HEAD",
    since: Annotated[
        Optional[str],
        typer.Option(
            metavar="REV",
            help="Only warn about refusals that existed at this commit; exit 4 only for new ones.",
            show_default=False,
        ),
    ] = None,
    yes: Annotated[
        bool,
        typer.Option(
            "--yes", "-y", help="Do not ask for confirmation. Required without a terminal."
        ),
    ] = False,
    max_changes: Annotated[
        Optional[int],
        typer.Option(
            metavar="N",
            min=0,
            help="Allow N models to change, whatever limit the policy sets.",
            show_default=False,
        ),
    ] = None,
    prune: Annotated[
        bool,
        typer.Option(
            "--prune",
            help="Empty the stages of models whose manifest was deleted. No version is deleted.",
        ),
    ] = False,
    adopt: Annotated[
        bool,
        typer.Option(
            "--adopt",
            help="Accept the named models as they are, as if never reconciled. Use it after history was rewritten.",
        ),
    ] = False,
    take_over: Annotated[
        bool,
        typer.Option("--take-over", help="Take over the named models from another repository."),
    ] = False,
    push_receipts: Annotated[
        bool, typer.Option("--push-receipts", help="Exchange receipts (git notes) with the remote.")
    ] = False,
    jobs: Annotated[
        Optional[int],
        typer.Option(
            metavar="N",
            min=1,
            help="How many models are written in parallel. [default: 8; SQLite: 1]",
            show_default=False,
        ),
    ] = None,
    watch: Annotated[
        bool,
        typer.Option(
            "--watch",
            help="Keep running until SIGTERM: fetch, apply new commits, heal or report drift.",
        ),
    ] = False,
    interval: Annotated[
        str, typer.Option(metavar="TIME", help="With --watch: how long to wait between two rounds.")
    ] = "60s",
    listen: Annotated[
        str,
        typer.Option(
            metavar="HOST:PORT",
            help="With --watch: the address that serves /metrics and /healthz, or off.",
        ),
    ] = "127.0.0.1:9469",
    form: Annotated[str, format_option(formats.RECONCILE)] = "text",
) -> None:
    """Make the MLflow registry match a commit of the main branch, and keep a receipt.

    Example: mlflow-gitops reconcile --yes --push-receipts

    Example: mlflow-gitops reconcile --yes --watch --interval 30s
    """
    from mlflow_gitops.app.planning.options import PlanOptions

    plan_options = PlanOptions(
        adopt=adopt, take_over=take_over, prune=prune, max_changes=max_changes
    )
    if watch:
        from mlflow_gitops.commands import watch as loop

        if rev != "HEAD" or plan_file or since or adopt or take_over:
            raise UsageFailure(
                "--watch follows the main branch; pass it without --rev, --plan, --since, --adopt"
                " and --take-over."
            )
        if not yes:
            raise UsageFailure("--watch cannot ask for confirmation; add --yes.")
        looped = loop.WatchOptions(plan_options, interval, listen, push_receipts, jobs, form)
        raise typer.Exit(loop.run(context.obj, models or [], looped))
    from mlflow_gitops.commands import reconcile as command

    options = command.ReconcileOptions(
        rev, yes, plan_options, plan_file, push_receipts, jobs, form, since
    )
    raise typer.Exit(command.run(context.obj, models or [], options))


@app.command()
def demo(
    context: typer.Context,
    folder: Annotated[
        Path,
        typer.Argument(metavar="[DIR]", help="A new folder, or one that an earlier demo created."),
    ] = Path("mlflow-gitops-demo"),
) -> None:
    """Show the whole workflow on an embedded MLflow, with models that it trains.

    Example: mlflow-gitops demo /tmp/story
    """
    from mlflow_gitops.cli import main
    from mlflow_gitops.commands import demo as command

    raise typer.Exit(command.run(context.obj, folder, main))
