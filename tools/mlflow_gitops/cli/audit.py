"""The audit trail: log, show, verify."""

from __future__ import annotations

from typing import Annotated, Optional

import click
import typer
from typer.core import TyperCommand

from mlflow_gitops.cli import completion
from mlflow_gitops.cli.app import (
    AllEnvironments,
    ModelOrGlob,
    ModelsOrGlobs,
    Since,
    Until,
    app,
    format_option,
)
from mlflow_gitops.render import formats

Model = Annotated[
    Optional[str],
    typer.Argument(
        metavar="[MODEL]",
        help="Show only this model.",
        show_default=False,
        autocompletion=completion.models,
    ),
]

_Stage = Annotated[
    Optional[str],
    typer.Option(
        metavar="STAGE",
        help="Show only this stage; write an alias as @NAME.",
        show_default=False,
        autocompletion=completion.stages,
    ),
]
_Author = Annotated[
    Optional[str],
    typer.Option(
        metavar="TEXT",
        help="Show only commits of this author or co-author: any part of name or address.",
        show_default=False,
    ),
]
_Approver = Annotated[
    Optional[str],
    typer.Option(
        metavar="TEXT",
        help="Show only what this person approved: any part of the name or account.",
        show_default=False,
    ),
]
_Number = Annotated[
    Optional[int],
    typer.Option(
        "-n",
        "--max-count",
        metavar="N",
        min=1,
        help="Show only the newest N events.",
        show_default=False,
    ),
]
_NewestFirst = Annotated[bool, typer.Option("--reverse", help="Show the newest event first.")]
_NoPager = Annotated[
    bool,
    typer.Option(
        "--no-pager",
        help="Use no pager on a terminal. By default, it is git's own (GIT_PAGER, PAGER, less).",
    ),
]
_SpreadsheetSafe = Annotated[
    bool,
    typer.Option(
        "--spreadsheet-safe",
        help="With --format csv: an apostrophe before what a spreadsheet takes for a formula.",
    ),
]


@app.command()
def log(
    context: typer.Context,
    model: ModelOrGlob = None,
    stage: _Stage = None,
    since: Since = None,
    until: Until = None,
    author: _Author = None,
    approver: _Approver = None,
    number: _Number = None,
    newest_first: _NewestFirst = False,
    no_pager: _NoPager = False,
    spreadsheet_safe: _SpreadsheetSafe = False,
    form: Annotated[str, format_option(formats.LOG)] = "text",
) -> None:
    """Print the audit trail: who changed which stage, when, with whose approval, and when it took
    effect. On a terminal, it is shown through git's pager.

    Example: mlflow-gitops log fraud-detector --stage Production --since 2026-01-31

    Example: mlflow-gitops log -n 20 --reverse

    Example: mlflow-gitops log --approver grace --since 2026-01-01
    """
    from mlflow_gitops.commands import log as command

    options = command.LogOptions(
        stage=stage,
        since=since,
        until=until,
        author=author,
        approver=approver,
        number=number,
        newest_first=newest_first,
        pager=not no_pager,
        spreadsheet_safe=spreadsheet_safe,
    )
    raise typer.Exit(command.run(context.obj, model, options, form))


_At = Annotated[
    Optional[str],
    typer.Option(
        metavar="TIME-or-REV",
        help=(
            "A time as for log --since: a day (2026-01-31) and a minute mean their end, in UTC;"
            " or a revision. [default: now]"
        ),
        show_default=False,
    ),
]
_Effective = Annotated[
    bool,
    typer.Option(
        "--effective",
        help="Show what the receipts say MLflow had, instead of what git asked for.",
    ),
]
_Lineage = Annotated[
    bool,
    typer.Option(
        "--lineage",
        help="Read from MLflow from which run, data and code commit versions were made.",
    ),
]


@app.command()
def show(
    context: typer.Context,
    model: Model = None,
    at: _At = None,
    effective: _Effective = False,
    lineage: _Lineage = False,
    all_environments: AllEnvironments = False,
    form: Annotated[str, format_option(formats.SHOW)] = "text",
) -> None:
    """Show which version held which stage at a time, since when, and by which commit.

    Example: mlflow-gitops show fraud-detector --at 2026-01-31
    """
    if all_environments:
        from mlflow_gitops.commands import show_all

        if model is None or lineage:
            raise typer.BadParameter("--all-envs needs a MODEL, and leave out --lineage.")
        raise typer.Exit(show_all.run(context.obj, model, at, form, in_effect=effective))

    from mlflow_gitops.commands import show as command

    raise typer.Exit(
        command.run(context.obj, model, at, form, in_effect=effective, lineage=lineage)
    )


_FailOnUnmanaged = Annotated[
    bool, typer.Option("--all", help="Fail also if MLflow has models without a manifest.")
]
_Signatures = Annotated[
    bool,
    typer.Option(
        "--signatures",
        help=(
            "Require a good signature, as git judges it, on each commit that put a version"
            " into its stage."
        ),
    ),
]
_SignedSince = Annotated[
    Optional[str],
    typer.Option(
        "--since",
        metavar="TIME-or-REV",
        help="With --signatures: of commits from this time or revision on, as for log --since.",
        show_default=False,
    ),
]

_Artifacts = Annotated[
    bool,
    typer.Option(
        "--artifacts",
        help=(
            "Also read the files of every version that holds a stage, and compare them with the"
            " digest that git pins. This takes as long as downloading them; files that their"
            " storage shows unchanged since they were read on this machine are not read again,"
            " except with --artifacts=full."
        ),
    ),
]
_FullArtifacts = Annotated[bool, typer.Option("--artifacts-full", hidden=True)]


class _Verify(TyperCommand):
    """`--artifacts` may have the value `full`: Typer has no option with a value that may be left
    out."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        written = ["--artifacts-full" if arg == "--artifacts=full" else arg for arg in args]
        return super().parse_args(ctx, written)


@app.command(cls=_Verify)
def verify(
    context: typer.Context,
    models: ModelsOrGlobs = None,
    fail_on_unmanaged: _FailOnUnmanaged = False,
    signatures: _Signatures = False,
    since: _SignedSince = None,
    artifacts: _Artifacts = False,
    full: _FullArtifacts = False,
    form: Annotated[str, format_option(formats.VERIFY)] = "text",
) -> None:
    """Check that git and the receipts explain everything that MLflow shows, and that files are
    signed where the policy asks for signed. Exits 4 if something is unexplained.

    What no run can put right, such as a receipt that vanished, stays a finding until a commit
    message on the main branch has the line that verify prints: Audit-Ack: 3f2a9c1b7d04 disk was
    full, INC-7

    Example: mlflow-gitops verify --signatures --since 2026-01-31

    Example: mlflow-gitops verify 'fraud-*' --artifacts
    """
    from mlflow_gitops.commands import verify as command

    if since is not None and not signatures:
        raise typer.BadParameter("--since needs --signatures.")

    code = command.run(
        context.obj,
        models or [],
        fail_on_unmanaged=fail_on_unmanaged,
        signatures=signatures,
        since=since,
        artifacts=artifacts,
        full=full,
        form=form,
    )
    raise typer.Exit(code)
