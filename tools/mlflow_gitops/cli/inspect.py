"""Commands that read and change nothing: validate, plan, compare, status; export, which writes one
file; and notify, which sends trial messages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from mlflow_gitops.cli import completion
from mlflow_gitops.cli.app import AllEnvironments, Bom, ModelsOrGlobs, app, format_option
from mlflow_gitops.render import formats

_Paths = Annotated[
    Optional[list[Path]],
    typer.Argument(
        metavar="[PATHS]...",
        help="The files or folders to check. [default: the registry folder]",
        show_default=False,
    ),
]
_ChangedSince = Annotated[
    Optional[str],
    typer.Option(
        metavar="REF",
        help="Check only files that changed since this branch was created from REF.",
        show_default=False,
    ),
]


@app.command()
def validate(
    context: typer.Context,
    paths: _Paths = None,
    changed_since: _ChangedSince = None,
    form: Annotated[str, format_option(formats.VALIDATE)] = "text",
) -> None:
    """Check manifests and policy without MLflow: schema, names, stages, aliases, pins.

    Example: mlflow-gitops validate --changed-since origin/main --format github
    """
    from mlflow_gitops.commands import validate as command

    raise typer.Exit(command.run(context.obj, paths or [], changed_since, form))


_Rev = Annotated[
    Optional[str],
    typer.Option(
        metavar="REV",
        help="Plan this revision instead of the working tree.",
        show_default=False,
    ),
]
_Onto = Annotated[
    Optional[str],
    typer.Option(
        metavar="REF",
        help="Plan what HEAD (or --rev) will be after it is merged into REF.",
        show_default=False,
    ),
]
_Out = Annotated[
    Optional[Path],
    typer.Option(
        metavar="FILE",
        help="Save the plan to a file, for reconcile --plan.",
        show_default=False,
    ),
]
_Prune = Annotated[bool, typer.Option("--prune", help="Include models whose manifest was deleted.")]
_DetailedExitcode = Annotated[
    bool, typer.Option("--detailed-exitcode", help="Exit 2 if there are changes.")
]


@app.command()
def plan(
    context: typer.Context,
    models: ModelsOrGlobs = None,
    rev: _Rev = None,
    onto: _Onto = None,
    out: _Out = None,
    prune: _Prune = False,
    detailed_exitcode: _DetailedExitcode = False,
    form: Annotated[str, format_option(formats.PLAN)] = "text",
) -> None:
    """Show what would change in MLflow, and why. Changes nothing.

    Example: mlflow-gitops plan --rev candidate --onto main
    """
    from mlflow_gitops.commands import plan as command

    code = command.run(
        context.obj,
        models or [],
        rev,
        onto,
        out,
        prune=prune,
        detailed_exitcode=detailed_exitcode,
        form=form,
    )
    raise typer.Exit(code)


_Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL", help="The model's name in MLflow.", autocompletion=completion.models
    ),
]
_Before = Annotated[
    str,
    typer.Argument(
        metavar="A",
        help="A version's number, or a stage or an alias that holds it.",
        autocompletion=completion.holders,
    ),
]
_After = Annotated[
    str,
    typer.Argument(
        metavar="B",
        help="The version to compare with A: a number, a stage or an alias.",
        autocompletion=completion.holders,
    ),
]


@app.command()
def compare(
    context: typer.Context,
    model: _Model,
    before: _Before,
    after: _After,
    form: Annotated[str, format_option(formats.COMPARE)] = "text",
) -> None:
    """Show two versions side by side: metrics, params, data, signature, size, dependencies, code
    commit.

    Example: mlflow-gitops compare fraud-detector Production 14
    """
    from mlflow_gitops.commands import compare as command

    raise typer.Exit(command.run(context.obj, model, before, after, form))


app.command("diff", hidden=True)(compare)


@app.command()
def status(
    context: typer.Context,
    models: ModelsOrGlobs = None,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit 2 unless every managed model is Synced.")
    ] = False,
    all_environments: AllEnvironments = False,
    form: Annotated[str, format_option(formats.STATUS)] = "text",
) -> None:
    """Show each model: Synced, Pending, Drifted, Missing, Unmanaged, Unknown or Invalid, and what
    holds its stages.

    Example: mlflow-gitops status --exit-code
    """
    if all_environments:
        from mlflow_gitops.commands import status_all

        raise typer.Exit(status_all.run(context.obj, models or [], exit_code, form))

    from mlflow_gitops.commands import status as command

    raise typer.Exit(command.run(context.obj, models or [], exit_code, form))


app.command("list", hidden=True)(status)

_Stages = Annotated[
    Optional[list[str]],
    typer.Option(
        "--stage",
        metavar="STAGE",
        help="Only this stage; may be given several times. [default: all that are watched]",
        show_default=False,
        autocompletion=completion.stages,
    ),
]


@app.command()
def health(
    context: typer.Context,
    models: ModelsOrGlobs = None,
    stages: _Stages = None,
    exit_code: Annotated[
        bool,
        typer.Option("--exit-code", help="Exit 2 if a version is unhealthy, or it is unknown."),
    ] = False,
    form: Annotated[str, format_option(formats.HEALTH)] = "text",
) -> None:
    """Show how the versions that hold a stage are doing, by what `health` of the policy asks of
    Prometheus and of monitors: healthy, unhealthy, waiting or unknown, with queries and numbers.

    Example: mlflow-gitops health fraud-detector --stage Production
    """
    from mlflow_gitops.commands import health as command

    raise typer.Exit(command.run(context.obj, models or [], stages or [], exit_code, form))


@app.command()
def export(
    context: typer.Context,
    model: _Model,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The tar to write.")],
    since: Annotated[
        Optional[str],
        typer.Option(
            "--from",
            metavar="TIME-or-REV",
            help="From this time on, as for log --since. [default: the beginning]",
            show_default=False,
        ),
    ] = None,
    until: Annotated[
        Optional[str],
        typer.Option(
            "--to",
            metavar="TIME-or-REV",
            help="Up to the end of this time, as for log --until. [default: now]",
            show_default=False,
        ),
    ] = None,
    bom: Bom = False,
    form: Annotated[str, format_option(formats.EXPORT)] = "text",
) -> None:
    """Write the evidence about one model: its events, manifests, policies, receipts with their
    signatures, approvals and gate values, and how to check them with git, sha256sum and ssh-keygen.

    Example: mlflow-gitops export fraud-detector --from 2026-01-01 --out evidence.tar
    """
    from mlflow_gitops.commands import export as command

    raise typer.Exit(command.run(context.obj, model, since, until, out, form, with_bills=bom))


@app.command()
def notify(
    context: typer.Context,
    channels: Annotated[
        Optional[list[str]],
        typer.Argument(
            metavar="[CHANNEL]...",
            help="Only these channels of notify.yaml. [default: all]",
            show_default=False,
        ),
    ] = None,
    test: Annotated[
        bool, typer.Option("--test", help="Send a trial message, and report what was delivered.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Send nothing and show who would get what. This is the default."
        ),
    ] = False,
    form: Annotated[str, format_option(formats.NOTIFY)] = "text",
) -> None:
    """Show who is notified of what, as registry/notify.yaml says: of each model's events, and
    whether each channel has an address here.

    --test sends a message to each channel and exits 1 if one was not delivered. It needs the extra
    notify, and the variables that hold the addresses.

    Example: mlflow-gitops notify --dry-run

    Example: mlflow-gitops notify --test risk
    """
    from mlflow_gitops.commands import notify as command
    from mlflow_gitops.errors import UsageFailure

    if test and dry_run:
        raise UsageFailure("Pass --test or --dry-run, not both.")
    raise typer.Exit(command.run(context.obj, channels or [], is_test=test, form=form))
