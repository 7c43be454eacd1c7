"""Commands that change MLflow: reconcile, and the demo on an MLflow of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from mlflow_gitops.cli.app import ModelsOrGlobs, app, format_option
from mlflow_gitops.errors import UsageFailure
from mlflow_gitops.render import formats

_PlanFile = Annotated[
    Optional[Path],
    typer.Option(
        "--plan",
        metavar="FILE",
        help="Apply a saved plan, unless git or MLflow changed since.",
        show_default=False,
    ),
]
_Rev = Annotated[
    str, typer.Option(metavar="REV", help="The commit of the main branch to reconcile to.")
]
_Since = Annotated[
    Optional[str],
    typer.Option(
        metavar="REV",
        help="Only warn about refusals that existed at this commit; exit 4 only for new ones.",
        show_default=False,
    ),
]
_Yes = Annotated[
    bool,
    typer.Option("--yes", "-y", help="Do not ask for confirmation. Required without a terminal."),
]
_MaxChanges = Annotated[
    Optional[int],
    typer.Option(
        metavar="N",
        min=0,
        help="Allow N models to change, whatever limit the policy sets.",
        show_default=False,
    ),
]
_Prune = Annotated[
    bool,
    typer.Option(
        "--prune",
        help="Empty the stages of models whose manifest was deleted. No version is deleted.",
    ),
]
_Adopt = Annotated[
    bool,
    typer.Option(
        "--adopt",
        help=(
            "Accept the named models as they are, as if never reconciled. Use it after history"
            " was rewritten."
        ),
    ),
]
_TakeOver = Annotated[
    bool,
    typer.Option("--take-over", help="Take over the named models from another repository."),
]
_NewHost = Annotated[
    bool,
    typer.Option(
        "--new-host",
        help=(
            "Use the environment's new server: environments.yaml names another host than the one"
            " that was reconciled before."
        ),
    ),
]
_PushReceipts = Annotated[
    Optional[bool],
    typer.Option(
        "--push-receipts/--no-push-receipts",
        help="Exchange receipts with the remote. [default: yes, if there is a remote]",
        show_default=False,
    ),
]
_Jobs = Annotated[
    Optional[int],
    typer.Option(
        metavar="N",
        min=1,
        help="How many models are written in parallel. [default: 8; SQLite: 1]",
        show_default=False,
    ),
]
_OnChange = Annotated[
    Optional[str],
    typer.Option(
        "--on-change",
        metavar="COMMAND",
        help=(
            "Run this command for each stage that another version came to hold, or none, with the"
            " change as JSON on its standard input. No shell reads it. It has 5 minutes, and not"
            " the credentials for MLflow and the forge. If it fails, that is reported, exit code 5."
        ),
        show_default=False,
    ),
]
_Watch = Annotated[
    bool,
    typer.Option(
        "--watch",
        help="Keep running until SIGTERM: fetch, apply new commits, heal or report drift.",
    ),
]
_Interval = Annotated[
    str, typer.Option(metavar="TIME", help="With --watch: how long to wait between two rounds.")
]
_Listen = Annotated[
    str,
    typer.Option(
        metavar="HOST:PORT",
        help=(
            "With --watch: the address that serves the report, /metrics, /healthz and, if"
            " MLFLOW_GITOPS_WEBHOOK_SECRET is set, /hook for MLflow's webhooks; or off."
        ),
    ),
]
_NoPages = Annotated[
    bool, typer.Option("--no-pages", help="With --watch: serve no report at that address.")
]


_WATCH_ALONE = (
    "--watch follows the main branch; pass it without --rev, --plan, --since, --adopt and"
    " --take-over."
)


@app.command()
def reconcile(
    context: typer.Context,
    models: ModelsOrGlobs = None,
    plan_file: _PlanFile = None,
    rev: _Rev = "HEAD",
    since: _Since = None,
    yes: _Yes = False,
    max_changes: _MaxChanges = None,
    prune: _Prune = False,
    adopt: _Adopt = False,
    take_over: _TakeOver = False,
    new_host: _NewHost = False,
    push_receipts: _PushReceipts = None,
    jobs: _Jobs = None,
    on_change: _OnChange = None,
    watch: _Watch = False,
    interval: _Interval = "60s",
    listen: _Listen = "127.0.0.1:9469",
    no_pages: _NoPages = False,
    form: Annotated[str, format_option(formats.RECONCILE)] = "text",
) -> None:
    """Make the MLflow registry match a commit of the main branch, and keep a receipt.

    Example: mlflow-gitops reconcile --yes --no-push-receipts

    Example: mlflow-gitops reconcile --yes --watch --interval 30s

    Example: mlflow-gitops reconcile --yes --on-change 'tee -a deployed.jsonl'
    """
    from mlflow_gitops.app.planning.options import PlanOptions

    plan_options = PlanOptions(
        adopt=adopt, take_over=take_over, prune=prune, max_changes=max_changes
    )
    if watch:
        if rev != "HEAD" or plan_file or since or adopt or take_over:
            raise UsageFailure(_WATCH_ALONE)
        if not yes:
            raise UsageFailure("--watch cannot ask for confirmation; add --yes.")
        from mlflow_gitops.commands import watch as loop

        looped = loop.WatchOptions(
            plan_options,
            interval,
            listen,
            push_receipts,
            jobs,
            form,
            new_host,
            on_change,
            has_pages=not no_pages,
        )
        raise typer.Exit(loop.run(context.obj, models or [], looped))

    from mlflow_gitops.commands import reconcile as command
    from mlflow_gitops.commands.reconcile_options import ReconcileOptions

    options = ReconcileOptions(
        rev, yes, plan_options, plan_file, push_receipts, jobs, form, since, new_host, on_change
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
    from mlflow_gitops.cli.command_line import main
    from mlflow_gitops.commands import demo as command

    raise typer.Exit(command.run(context.obj, folder, main))
