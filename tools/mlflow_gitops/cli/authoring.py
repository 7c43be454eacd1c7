"""Commands that edit a manifest: pin, promote, rollback. None of them changes MLflow: reconcile
does, after the merge."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from mlflow_gitops.cli import completion
from mlflow_gitops.cli.app import app, format_option
from mlflow_gitops.render import formats

_Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL", help="The model's name in MLflow.", autocompletion=completion.models
    ),
]
_Version = Annotated[
    str,
    typer.Argument(
        metavar="VERSION",
        help="The version's number; or a stage or an alias that it holds in MLflow; or latest.",
        autocompletion=completion.versions,
    ),
]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Only print the diff; write nothing.")]
_Commit = Annotated[
    bool,
    typer.Option("--commit", help="Commit the manifest, and nothing else, on the current branch."),
]
_Branch = Annotated[
    Optional[str],
    typer.Option(
        metavar="NAME",
        help="Create this branch from the current commit, and commit the manifest there.",
        show_default=False,
    ),
]
_PullRequest = Annotated[
    bool,
    typer.Option(
        "--pr",
        help=(
            "Commit, push and open a pull request. On the main branch, a new branch is created"
            " first."
        ),
    ),
]
_Message = Annotated[
    Optional[str],
    typer.Option(
        "--message",
        "-m",
        metavar="WHY",
        help="The reason for the change; it becomes part of the commit message.",
        show_default=False,
    ),
]
_NoPin = Annotated[
    bool,
    typer.Option(
        "--no-pin",
        help="Do not write the version's identity (run, source, logged model) into the manifest.",
    ),
]


_NoDigest = Annotated[
    bool,
    typer.Option(
        "--no-digest",
        help=(
            "Do not read the version's files: leave their digest out of the manifest, for models"
            " that take too long to download."
        ),
    ),
]


_Source = Annotated[
    Optional[str],
    typer.Option(
        metavar="URI",
        help="The version is not in MLflow yet: reconcile registers it from this URI.",
        show_default=False,
    ),
]


@app.command()
def pin(
    context: typer.Context,
    model: _Model,
    version: _Version,
    source: _Source = None,
    no_digest: _NoDigest = False,
    dry_run: _DryRun = False,
    commit: _Commit = False,
    branch: _Branch = None,
    pr: _PullRequest = False,
    message: _Message = None,
    form: Annotated[str, format_option(formats.EDIT)] = "text",
) -> None:
    """Write a version's identity (run, source, logged model) and the digest of its files into its
    manifest, as MLflow shows them now.

    A number alone does not identify a version: the numbers of a model that is deleted and created
    again start at 1. Nor does a logged model: its writers can overwrite its files.

    Example: mlflow-gitops pin fraud-detector 14
    """
    from mlflow_gitops.commands import pin as command
    from mlflow_gitops.commands.finish_edit import EditOptions
    from mlflow_gitops.commands.named_version import version_number

    options = EditOptions(dry_run, commit, branch, pr, message, form)
    number = version_number(context.obj, model, version)
    code = command.run(context.obj, model, number, source, options, digest=not no_digest)
    raise typer.Exit(code)


_Stage = Annotated[
    str,
    typer.Argument(
        metavar="STAGE",
        help="Production, Staging, Archived, or a stage that the policy defines.",
        autocompletion=completion.stages,
    ),
]
_Add = Annotated[
    bool,
    typer.Option(
        "--add", help="Add the version to those that hold the stage, instead of replacing them."
    ),
]
_Origin = Annotated[
    Optional[str],
    typer.Option(
        "--from",
        metavar="ENV",
        help=(
            "VERSION is a version in this other environment; reconcile copies it here, under the"
            " next number."
        ),
        show_default=False,
        autocompletion=completion.environments,
    ),
]
_Override = Annotated[
    Optional[list[str]],
    typer.Option(
        metavar="GATE='REASON'",
        help="Override a gate that the policy allows to override. Can be repeated.",
        show_default=False,
        autocompletion=completion.overrides,
    ),
]


@app.command()
def promote(
    context: typer.Context,
    model: _Model,
    version: _Version,
    stage: _Stage,
    add: _Add = False,
    no_pin: _NoPin = False,
    no_digest: _NoDigest = False,
    origin: _Origin = None,
    override: _Override = None,
    dry_run: _DryRun = False,
    commit: _Commit = False,
    branch: _Branch = None,
    pr: _PullRequest = False,
    message: _Message = None,
    form: Annotated[str, format_option(formats.EDIT)] = "text",
) -> None:
    """Put a version into a stage, in its manifest. Only that line of the file changes.

    The version replaces every version that held the stage; --add keeps them. A version that is
    archived is added to the archived ones. A version can hold only one of MLflow's own stages, so
    it is removed from any other. If a stage becomes empty, its line is removed, or set to null if
    it has a comment; a protected stage is never left empty. If MLflow can be reached, the version
    is also pinned to its identity and to the digest of its files.

    Example: mlflow-gitops promote fraud-detector 14 Production --branch promote-14 -m 'Recall +1.2'

    Example: mlflow-gitops promote fraud-detector Staging Production --dry-run

    Example: mlflow-gitops --env prod promote fraud-detector 14 Production --from staging
    """
    from mlflow_gitops.commands import promote as command
    from mlflow_gitops.commands.finish_edit import EditOptions
    from mlflow_gitops.commands.named_version import version_number

    options = EditOptions(dry_run, commit, branch, pr, message, form)
    promotion = command.PromoteOptions(
        add, not no_pin, origin, override or [], digest=not no_digest
    )
    number = version_number(context.obj, model, version, environment=origin)
    raise typer.Exit(command.run(context.obj, model, number, stage, promotion, options))


_RollbackStage = Annotated[
    str,
    typer.Argument(
        metavar="[STAGE]", help="The stage to roll back.", autocompletion=completion.stages
    ),
]
_To = Annotated[
    Optional[int],
    typer.Option(
        metavar="VERSION",
        min=1,
        help="Roll back to this version, which must have held the stage.",
        show_default=False,
        autocompletion=completion.versions,
    ),
]


@app.command()
def rollback(
    context: typer.Context,
    model: _Model,
    stage: _RollbackStage = "Production",
    to: _To = None,
    no_pin: _NoPin = False,
    no_digest: _NoDigest = False,
    dry_run: _DryRun = False,
    commit: _Commit = False,
    branch: _Branch = None,
    pr: _PullRequest = False,
    message: _Message = None,
    form: Annotated[str, format_option(formats.EDIT)] = "text",
) -> None:
    """Put a stage back to the version that held it before, in its manifest.

    The main branch's history names that version. If MLflow can be reached, a version that was
    merged but never reconciled is skipped. A second rollback undoes the first one; use --to to go
    further back.

    Example: mlflow-gitops rollback fraud-detector --commit -m 'False alarms doubled since noon'
    """
    from mlflow_gitops.commands import rollback as command
    from mlflow_gitops.commands.finish_edit import EditOptions

    options = EditOptions(dry_run, commit, branch, pr, message, form)
    code = command.run(
        context.obj,
        model,
        stage,
        to,
        pin=not no_pin,
        options=options,
        digest=not no_digest,
    )
    raise typer.Exit(code)
