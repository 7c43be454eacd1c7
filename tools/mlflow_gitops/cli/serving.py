"""Commands for what deploys and loads models: resolve, fetch, render. They only read git and
MLflow."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import click
import typer

from mlflow_gitops.cli import completion
from mlflow_gitops.cli.app import Models, app, format_option
from mlflow_gitops.render import formats

_Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL", help="The model's name in MLflow.", autocompletion=completion.models
    ),
]
_Stage = Annotated[
    str,
    typer.Argument(
        metavar="STAGE",
        help="Production, Staging, a stage that the policy defines, or an alias as @NAME.",
        autocompletion=completion.stages,
    ),
]
_StageOrNone = Annotated[
    Optional[str],
    typer.Argument(
        metavar="[STAGE]",
        help="As for resolve; or else --version and --digest.",
        show_default=False,
        autocompletion=completion.stages,
    ),
]
_Effective = Annotated[
    bool,
    typer.Option(
        "--effective",
        help=(
            "The version that a reconcile put into the stage, as receipts say, instead of the one"
            " that was merged last."
        ),
    ),
]


@app.command()
def resolve(
    context: typer.Context,
    model: _Model,
    stage: _Stage,
    effective: _Effective = False,
    form: Annotated[str, format_option(formats.RESOLVE)] = "text",
) -> None:
    """Print which version holds a stage, with its URI, digest, run and commit: from git alone, so
    that it works offline.

    Example: mlflow-gitops resolve fraud-detector Production --format env
    """
    from mlflow_gitops.commands import resolve as command

    raise typer.Exit(command.run(context.obj, model, stage, form, effective=effective))


@app.command()
def fetch(
    context: typer.Context,
    model: _Model,
    to: Annotated[
        Path,
        typer.Option("--to", metavar="DIR", help="The folder that gets the files; a new one."),
    ],
    stage: _StageOrNone = None,
    effective: _Effective = False,
    version: Annotated[
        Optional[int],
        typer.Option(
            metavar="N",
            min=1,
            help="This version, with --digest: without git, as in a container.",
            show_default=False,
        ),
    ] = None,
    digest: Annotated[
        Optional[str],
        typer.Option(
            metavar="DIGEST", help="The digest that git pins for --version.", show_default=False
        ),
    ] = None,
    form: Annotated[str, format_option(formats.RESOLVE)] = "text",
) -> None:
    """Download the files of the version that holds a stage, if they are those that git pins.

    The files are compared with the pinned digest before the folder appears. If they differ, nothing
    is left, and the exit code is 4. A folder that has these files already is left as it is.

    Example: mlflow-gitops fetch fraud-detector Production --to model

    Example: mlflow-gitops fetch fraud-detector --version 12 --digest $MODEL_DIGEST --to model
    """
    from mlflow_gitops.commands import fetch as command

    if stage is not None and version is None and digest is None:
        raise typer.Exit(command.run(context.obj, model, stage, to, form, effective=effective))
    if stage is None and version is not None and digest is not None and not effective:
        raise typer.Exit(command.run_pinned(context.obj, model, version, digest, to, form))
    raise click.UsageError("Name either a STAGE, or --version and --digest.")


_Template = Annotated[
    Path, typer.Argument(metavar="TEMPLATE", help="A Jinja template, such as deployment.yaml.j2.")
]
_Stages = Annotated[
    Optional[list[str]],
    typer.Option(
        "--stage",
        metavar="STAGE",
        help="Only this stage, or alias as @NAME. Can be repeated. [default: all but Archived]",
        show_default=False,
        autocompletion=completion.stages,
    ),
]
_Name = Annotated[
    Optional[str],
    typer.Option(
        "--name",
        metavar="PATTERN",
        help=(
            "The name of each file, as a template of model, stage and environment. [default:"
            " {{ model | slug }}-{{ stage | slug }} and the template's ending]"
        ),
        show_default=False,
    ),
]


@app.command()
def render(
    context: typer.Context,
    template: _Template,
    to: Annotated[
        Path, typer.Option("--to", metavar="DIR", help="The folder that gets the files.")
    ],
    models: Models = None,
    stages: _Stages = None,
    name: _Name = None,
    effective: _Effective = False,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit with 2 if a file would change.")
    ] = False,
    prune: Annotated[
        bool,
        typer.Option(
            "--prune", help="Delete the files of models and stages that no version holds any more."
        ),
    ] = False,
    form: Annotated[str, format_option(formats.RENDER)] = "text",
) -> None:
    """Fill a template for each model and stage, from git alone, so that Argo CD, Flux or kubectl
    roll out what was approved.

    The template gets model, stage, version, uri, digest, run_id, commit, at and environment, and
    the filters tojson and slug (a DNS label). What is not known is an error, not an empty text.
    Only files that differ are written.

    Example: mlflow-gitops render deployment.yaml.j2 --stage Production --to deploy
    """
    from mlflow_gitops.commands import render as command

    options = command.RenderOptions(
        models or (), stages or (), name, effective, check=check, prune=prune
    )
    raise typer.Exit(command.run(context.obj, template, to, options, form))
