"""Commands about what a version is made of: sign, bom."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import click
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
            help="The private key: elliptic curve, PEM, without a password.",
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
