"""The command line's root: the Typer application, its global options, and the types that commands
share.

No module of this package imports anything slow: a command imports what it needs when it is
called.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Optional

import click
import typer

from mlflow_gitops import __version__
from mlflow_gitops.cli import completion
from mlflow_gitops.cli.help_format import CommandGroup
from mlflow_gitops.render.formats import Formats
from mlflow_gitops.settings import Settings

app = typer.Typer(
    name="mlflow-gitops",
    help="GitOps for the MLflow Model Registry: manifests in git become the registry's state.",
    epilog="Start with: mlflow-gitops demo",
    cls=CommandGroup,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Bom = Annotated[
    bool,
    typer.Option(
        "--bom",
        help="Add bills of materials (CycloneDX 1.6) by what git pins; needs the extra bom.",
    ),
]

Models = Annotated[
    Optional[list[str]],
    typer.Argument(
        metavar="[MODEL]...",
        help="Only these models. [default: all]",
        show_default=False,
        autocompletion=completion.models,
    ),
]

ModelsOrGlobs = Annotated[
    Optional[list[str]],
    typer.Argument(
        metavar="[MODEL]...",
        help="Only these models; globs too, in quotes: 'fraud-*'. [default: all]",
        show_default=False,
        autocompletion=completion.models,
    ),
]

ModelOrGlob = Annotated[
    Optional[str],
    typer.Argument(
        metavar="[MODEL]",
        help="Show only this model, or those that a glob matches, in quotes: 'fraud-*'.",
        show_default=False,
        autocompletion=completion.models,
    ),
]

Since = Annotated[
    Optional[str],
    typer.Option(
        metavar="TIME-or-REV",
        help=(
            "Show only events from this time on: a day (2026-01-31, from its beginning), a minute"
            " ('2026-01-31 12:00'), RFC 3339, words that git knows (yesterday, '2 days ago'), all"
            " in UTC without an offset; or events after a revision."
        ),
        show_default=False,
    ),
]
Until = Annotated[
    Optional[str],
    typer.Option(
        metavar="TIME-or-REV",
        help="Show only events up to this time or revision; a day and a minute up to their end.",
        show_default=False,
    ),
]

AllEnvironments = Annotated[
    bool,
    typer.Option(
        "--all-envs",
        help="Show all environments side by side, and which version was copied from which.",
    ),
]


def format_option(formats: Formats[Any]) -> Any:
    """The option `--format` of a command, which takes the formats that the command has."""
    return typer.Option(
        "--format", click_type=click.Choice(formats.names), help="The format of the output."
    )


def _version(context: typer.Context, is_requested: bool) -> None:
    if (
        is_requested and not context.resilient_parsing
    ):  # parsing is resilient while a shell completes
        typer.echo(f"mlflow-gitops {__version__}")
        raise typer.Exit


_Repo = Annotated[
    Optional[Path],
    typer.Option(
        help="The git repository. [default: the one that contains the current folder]",
        envvar="MLFLOW_GITOPS_REPO",
        show_envvar=False,
        show_default=False,
    ),
]
_RegistryDir = Annotated[
    str,
    typer.Option(
        help="The folder with the manifests and the policy, in the repository. [default: what"
        " .mlflow-gitops.toml names, or registry]",
        envvar="MLFLOW_GITOPS_REGISTRY_DIR",
        show_envvar=False,
        show_default=False,
    ),
]
_Main = Annotated[
    Optional[str],
    typer.Option(
        "--main",
        metavar="REF",
        help="The main branch. [default: the remote's, or else the local one]",
        envvar="MLFLOW_GITOPS_MAIN",
        show_envvar=False,
        show_default=False,
    ),
]
_TrackingUri = Annotated[
    Optional[str],
    typer.Option(
        help="The URI of MLflow's tracking server or store. [default: MLflow's own default]",
        envvar="MLFLOW_GITOPS_TRACKING_URI",
        show_envvar=False,
        show_default=False,
    ),
]
_RegistryUri = Annotated[
    Optional[str],
    typer.Option(
        help="The URI of MLflow's model registry, if it is another server.",
        envvar="MLFLOW_GITOPS_REGISTRY_URI",
        show_envvar=False,
        show_default=False,
    ),
]
_Environment = Annotated[
    Optional[str],
    typer.Option(
        "--env",
        metavar="NAME",
        help="The environment to work on: one that environments.yaml in the registry folder lists.",
        envvar="MLFLOW_GITOPS_ENV",
        show_envvar=False,
        show_default=False,
        autocompletion=completion.environments,
    ),
]
_ReceiptsBranch = Annotated[
    str,
    typer.Option(
        metavar="BRANCH",
        help="The branch that keeps receipts. [default: mlflow-gitops/receipts]",
        envvar="MLFLOW_GITOPS_RECEIPTS_BRANCH",
        show_envvar=False,
        show_default=False,
    ),
]
_MlflowUi = Annotated[
    str,
    typer.Option(
        "--mlflow-ui",
        metavar="URL",
        help="The address of MLflow's pages for people, to which a plan links; off for no links."
        " [default: the server's]",
        envvar="MLFLOW_GITOPS_MLFLOW_UI",
        show_envvar=False,
        show_default=False,
    ),
]
_Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose",
        "-v",
        help="Print progress and details.",
        envvar="MLFLOW_GITOPS_VERBOSE",
        show_envvar=False,
    ),
]
_Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet",
        "-q",
        help="Print results and errors only.",
        envvar="MLFLOW_GITOPS_QUIET",
        show_envvar=False,
    ),
]
_NoIndex = Annotated[
    bool,
    typer.Option(
        "--no-index",
        help="Read the whole history from git, and neither read nor write an index of it.",
        envvar="MLFLOW_GITOPS_NO_INDEX",
        show_envvar=False,
    ),
]
_Version = Annotated[
    bool,
    typer.Option("--version", help="Print the version and exit.", callback=_version, is_eager=True),
]


@app.callback()
def options(
    context: typer.Context,
    repo: _Repo = None,
    registry_dir: _RegistryDir = "",
    main: _Main = None,
    tracking_uri: _TrackingUri = None,
    registry_uri: _RegistryUri = None,
    environment: _Environment = None,
    receipts_branch: _ReceiptsBranch = "",
    mlflow_ui: _MlflowUi = "",
    verbose: _Verbose = False,
    quiet: _Quiet = False,
    no_index: _NoIndex = False,
    version: _Version = False,
) -> None:
    """Each option can also be set by a variable MLFLOW_GITOPS_<NAME>, for example
    MLFLOW_GITOPS_TRACKING_URI."""
    verbosity = int(verbose) - int(quiet)
    context.obj = replace(
        context.obj or Settings(),
        repo=repo,
        registry_dir=registry_dir,
        main=main,
        tracking_uri=tracking_uri,
        registry_uri=registry_uri,
        verbosity=verbosity,
        environment=environment or None,
        receipts_branch=receipts_branch,
        mlflow_ui=mlflow_ui,
        index=not no_index,
        warn=_warn,
    )


def _warn(text: str) -> None:
    from mlflow_gitops.commands.output import warn  # slow to load, not needed for --help

    warn(text)
