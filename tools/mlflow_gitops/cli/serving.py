"""Commands about the files of versions, for what deploys, loads and checks models: resolve, fetch,
render, sign, bom. None of them changes MLflow."""

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


@app.command()
def sign(
    context: typer.Context,
    model: _Model,
    version: _Version,
    key: Annotated[
        Path,
        typer.Option(
            "--key",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="The private key: elliptic curve, PEM. If it has a password, that is read from"
            " $MLFLOW_GITOPS_KEY_PASSWORD or asked for on a terminal.",
        ),
    ],
    certificate: Annotated[
        Optional[Path],
        typer.Option(
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="The certificate of the key, if a certificate is to be signed with.",
            show_default=False,
        ),
    ] = None,
    chain: Annotated[
        Optional[list[Path]],
        typer.Option(
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="A certificate between it and the one that is trusted. Can be repeated.",
            show_default=False,
        ),
    ] = None,
    form: Annotated[str, format_option(formats.SIGN)] = "text",
) -> None:
    """Sign the files of a version in the OpenSSF model-signing format, for the gate signed.

    The files are downloaded, and signed only if they are those that the manifest pins. The
    signature becomes a file of the repository; MLflow is left unchanged.

    Example: mlflow-gitops sign fraud-detector 12 --key models.pem
    """
    from mlflow_gitops.commands import sign as command

    if chain and certificate is None:
        raise click.UsageError("--chain needs --certificate.")
    raise typer.Exit(command.run(context.obj, model, version, key, certificate, chain or [], form))


@app.command()
def bom(
    context: typer.Context,
    model: _Model,
    version: Annotated[
        str,
        typer.Argument(
            metavar="[VERSION]", help="A version's number, a stage or an alias in MLflow."
        ),
    ] = "Production",
    out: Annotated[
        Optional[Path],
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="Write it here. [default: print it]",
            show_default=False,
        ),
    ] = None,
    form: Annotated[str, format_option(formats.BOM)] = "text",
) -> None:
    """Write the bill of materials of a version as CycloneDX 1.6 (ML-BOM, JSON).

    It has the version's files with their SHA-256, its run, data, metrics, libraries and licence
    (the tag license of the version or the model). The same version gives the same bytes.

    Example: mlflow-gitops bom fraud-detector Production --out fraud-detector.cdx.json
    """
    from mlflow_gitops.commands import bom as command

    raise typer.Exit(command.run(context.obj, model, version, out, form))
