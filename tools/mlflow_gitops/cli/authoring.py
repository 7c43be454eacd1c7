"""Commands that edit a manifest: pin, promote, rollback. MLflow is changed by reconcile alone,
after the merge."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from mlflow_gitops.cli import completion
from mlflow_gitops.cli.app import app, format_option
from mlflow_gitops.render import formats

_Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL", help="The model, by its name in MLflow.", autocompletion=completion.models
    ),
]
_Version = Annotated[
    int,
    typer.Argument(
        metavar="VERSION",
        min=1,
        max=2**31 - 1,
        help="The version's number.",
        autocompletion=completion.versions,
    ),
]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the diff and write nothing.")]
_Commit = Annotated[
    bool, typer.Option("--commit", help="Commit the manifest, and nothing else, on this branch.")
]
_Branch = Annotated[
    Optional[str],
    typer.Option(
        metavar="NAME", help="Commit it on a new branch, made from here.", show_default=False
    ),
]
_PullRequest = Annotated[
    bool,
    typer.Option(
        "--pr",
        help="Push the branch and open a pull request. On the main branch, a new one is made.",
    ),
]
_Message = Annotated[
    Optional[str],
    typer.Option(
        "--message", "-m", metavar="WHY", help="Why, for the commit message.", show_default=False
    ),
]
_NoPin = Annotated[
    bool, typer.Option("--no-pin", help="Do not write the version's identity into the manifest.")
]


@app.command()
def pin(
    context: typer.Context,
    model: _Model,
    version: _Version,
    source: Annotated[
        Optional[str],
        typer.Option(
            metavar="URI",
            help="Where reconcile shall register it from: MLflow lacks it.",
            show_default=False,
        ),
    ] = None,
    dry_run: _DryRun = False,
    commit: _Commit = False,
    branch: _Branch = None,
    pr: _PullRequest = False,
    message: _Message = None,
    form: Annotated[str, format_option(formats.EDIT)] = "text",
) -> None:
    """Write a version's identity (run, source, logged model) into its manifest, as MLflow has it
    now.

    A number alone does not say which version is meant: a model that is deleted and made again
    starts at 1.

    Example: mlflow-gitops pin fraud-detector 14
    """
    from mlflow_gitops.commands import pin as command
    from mlflow_gitops.commands.finish_edit import EditOptions

    options = EditOptions(dry_run, commit, branch, pr, message, form)
    raise typer.Exit(command.run(context.obj, model, version, source, options))


@app.command()
def promote(
    context: typer.Context,
    model: _Model,
    version: _Version,
    stage: Annotated[
        str,
        typer.Argument(
            metavar="STAGE",
            help="Production, Staging, Archived, or one of the policy's.",
            autocompletion=completion.stages,
        ),
    ],
    add: Annotated[
        bool, typer.Option("--add", help="Join what holds the stage; without, it is replaced.")
    ] = False,
    no_pin: _NoPin = False,
    origin: Annotated[
        Optional[str],
        typer.Option(
            "--from",
            metavar="ENV",
            help="VERSION is this environment's: reconcile copies it here, under the next number.",
            show_default=False,
            autocompletion=completion.environments,
        ),
    ] = None,
    override: Annotated[
        Optional[list[str]],
        typer.Option(
            metavar="GATE='REASON'",
            help="Override a gate, where the policy lets it. May be repeated.",
            show_default=False,
        ),
    ] = None,
    dry_run: _DryRun = False,
    commit: _Commit = False,
    branch: _Branch = None,
    pr: _PullRequest = False,
    message: _Message = None,
    form: Annotated[str, format_option(formats.EDIT)] = "text",
) -> None:
    """Give a stage to a version, in its manifest: one line, the rest of the file stays as it is.

    The version replaces all that held the stage, also where that is a list (--add keeps the
    others); what is archived joins the archived. It leaves any other stage of MLflow's own. A stage
    that is left empty loses its line, or says null where the line has a comment; a protected one is
    never left empty. The version is pinned where MLflow can be asked.

    Example: mlflow-gitops promote fraud-detector 14 Production --branch promote-14 -m 'Recall +1.2'

    Example: mlflow-gitops --env prod promote fraud-detector 14 Production --from staging
    """
    from mlflow_gitops.commands import promote as command
    from mlflow_gitops.commands.finish_edit import EditOptions

    options = EditOptions(dry_run, commit, branch, pr, message, form)
    promotion = command.PromoteOptions(add, not no_pin, origin, override or [])
    raise typer.Exit(command.run(context.obj, model, version, stage, promotion, options))


@app.command()
def rollback(
    context: typer.Context,
    model: _Model,
    stage: Annotated[
        str,
        typer.Argument(
            metavar="[STAGE]", help="The stage that goes back.", autocompletion=completion.stages
        ),
    ] = "Production",
    to: Annotated[
        Optional[int],
        typer.Option(
            metavar="VERSION",
            min=1,
            help="Go back to this one, which held the stage.",
            show_default=False,
            autocompletion=completion.versions,
        ),
    ] = None,
    no_pin: _NoPin = False,
    dry_run: _DryRun = False,
    commit: _Commit = False,
    branch: _Branch = None,
    pr: _PullRequest = False,
    message: _Message = None,
    form: Annotated[str, format_option(formats.EDIT)] = "text",
) -> None:
    """Give a stage back to the version that held it before, in its manifest.

    Which one that is, the main branch says, and the stamps of reconciles where MLflow can be asked:
    what was merged and never reconciled is passed over. Going back twice goes forward again; --to
    goes further back.

    Example: mlflow-gitops rollback fraud-detector --commit -m 'False alarms doubled since noon'
    """
    from mlflow_gitops.commands import rollback as command
    from mlflow_gitops.commands.finish_edit import EditOptions

    options = EditOptions(dry_run, commit, branch, pr, message, form)
    raise typer.Exit(command.run(context.obj, model, stage, to, pin=not no_pin, options=options))
