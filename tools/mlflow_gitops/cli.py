"""The command line: parse, call one command, turn what it raises into a message and an exit code. Nothing else.

Nothing slow is imported here: each command brings in what it needs when it is called.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Optional

import typer

from mlflow_gitops import __version__
from mlflow_gitops.errors import ERROR, INTERRUPTED, USAGE, Failure
from mlflow_gitops.settings import Settings

# What click calls UsageError: Typer's public surface shows only its subclass.
_UsageError: Any = typer.BadParameter.__mro__[1]

app = typer.Typer(
    name="mlflow-gitops",
    help="GitOps for the MLflow Model Registry: manifests in git become the registry's state.",
    epilog="Start with: mlflow-gitops demo",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Models = Annotated[
    Optional[list[str]], typer.Argument(metavar="[MODEL]...", help="Only these models.", show_default=False)
]
TextOrJson = Annotated[Literal["text", "json"], typer.Option("--format", help="How to print the result.")]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mlflow-gitops {__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    repo: Annotated[
        Optional[Path],
        typer.Option(
            help="The repository. [default: the one around the current folder]",
            envvar="MLFLOW_GITOPS_REPO",
            show_envvar=False,
            show_default=False,
        ),
    ] = None,
    registry_dir: Annotated[
        str,
        typer.Option(
            help="The folder of manifests and policy.", envvar="MLFLOW_GITOPS_REGISTRY_DIR", show_envvar=False
        ),
    ] = "registry",
    main: Annotated[
        Optional[str],
        typer.Option(
            "--main",
            metavar="REF",
            help="The main branch. [default: the remote's, else the local one]",
            envvar="MLFLOW_GITOPS_MAIN",
            show_envvar=False,
            show_default=False,
        ),
    ] = None,
    tracking_uri: Annotated[
        Optional[str],
        typer.Option(
            help="MLflow's tracking server or store. [default: as MLflow's own]",
            envvar="MLFLOW_GITOPS_TRACKING_URI",
            show_envvar=False,
            show_default=False,
        ),
    ] = None,
    registry_uri: Annotated[
        Optional[str],
        typer.Option(
            help="MLflow's registry, where it is elsewhere.",
            envvar="MLFLOW_GITOPS_REGISTRY_URI",
            show_envvar=False,
            show_default=False,
        ),
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Say more.", envvar="MLFLOW_GITOPS_VERBOSE", show_envvar=False)
    ] = False,
    quiet: Annotated[
        bool,
        typer.Option(
            "--quiet", "-q", help="Print results and errors only.", envvar="MLFLOW_GITOPS_QUIET", show_envvar=False
        ),
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and stop.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Every option here also reads MLFLOW_GITOPS_<NAME>, for example MLFLOW_GITOPS_TRACKING_URI."""
    verbosity = int(verbose) - int(quiet)
    context.obj = Settings(repo, registry_dir, main, tracking_uri, registry_uri, verbosity)


@app.command()
def validate(
    context: typer.Context,
    paths: Annotated[
        Optional[list[Path]],
        typer.Argument(
            metavar="[PATHS]...", help="Files or folders. [default: the registry folder]", show_default=False
        ),
    ] = None,
    changed_since: Annotated[
        Optional[str],
        typer.Option(metavar="REF", help="Only files that differ from where this branch left REF.", show_default=False),
    ] = None,
    form: Annotated[
        Literal["text", "json", "github"], typer.Option("--format", help="How to print the result.")
    ] = "text",
) -> None:
    """Check manifests and policy, offline: schema, names, stages, aliases, pins.

    Example: mlflow-gitops validate --changed-since origin/main --format github
    """
    from mlflow_gitops.commands import validate as command

    raise typer.Exit(command.run(context.obj, paths or [], changed_since, form))


@app.command()
def plan(
    context: typer.Context,
    models: Models = None,
    rev: Annotated[
        Optional[str], typer.Option(metavar="REV", help="Plan a revision, not the working tree.", show_default=False)
    ] = None,
    onto: Annotated[
        Optional[str],
        typer.Option(
            metavar="REF", help="Plan HEAD, or the revision, as it will be once merged into REF.", show_default=False
        ),
    ] = None,
    out: Annotated[
        Optional[Path],
        typer.Option(metavar="FILE", help="Save the plan for reconcile --plan.", show_default=False),
    ] = None,
    prune: Annotated[bool, typer.Option("--prune", help="Include models whose manifest is gone.")] = False,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit 2 when there are changes.")
    ] = False,
    form: TextOrJson = "text",
) -> None:
    """Show what would change in MLflow, and why. Changes nothing.

    Example: mlflow-gitops plan fraud-detector --rev HEAD~1
    """
    from mlflow_gitops.commands import plan as command

    code = command.run(
        context.obj, models or [], rev, onto, out, prune=prune, detailed_exitcode=detailed_exitcode, form=form
    )
    raise typer.Exit(code)


@app.command()
def reconcile(
    context: typer.Context,
    models: Models = None,
    plan_file: Annotated[
        Optional[Path],
        typer.Option(
            "--plan", metavar="FILE", help="Carry out a saved plan, if nothing moved since.", show_default=False
        ),
    ] = None,
    rev: Annotated[str, typer.Option(metavar="REV", help="The commit of the main branch to reconcile to.")] = "HEAD",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask. Needed where there is no terminal.")] = False,
    max_changes: Annotated[
        Optional[int],
        typer.Option(metavar="N", min=0, help="Let N models change, whatever the policy's limit.", show_default=False),
    ] = None,
    prune: Annotated[
        bool, typer.Option("--prune", help="Empty the stages of models whose manifest is gone; nothing is deleted.")
    ] = False,
    adopt: Annotated[
        bool,
        typer.Option(
            "--adopt", help="Take the named models as they are, as if never reconciled: for a rewritten history."
        ),
    ] = False,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="Take the named models over from another repository.")
    ] = False,
    push_receipts: Annotated[
        bool, typer.Option("--push-receipts", help="Exchange receipts (git notes) with the remote.")
    ] = False,
    jobs: Annotated[
        Optional[int],
        typer.Option(
            metavar="N", min=1, help="Models written side by side. [default: 8; SQLite: 1]", show_default=False
        ),
    ] = None,
    form: TextOrJson = "text",
) -> None:
    """Make the MLflow registry match a commit of the main branch, and keep a receipt.

    Example: mlflow-gitops reconcile --yes --push-receipts
    """
    from mlflow_gitops.commands import reconcile as command
    from mlflow_gitops.planning import Ways

    ways = Ways(adopt=adopt, take_over=take_over, prune=prune, max_changes=max_changes)
    options = command.Options(rev, yes, ways, plan_file, push_receipts, jobs, form)
    raise typer.Exit(command.run(context.obj, models or [], options))


@app.command()
def status(
    context: typer.Context,
    models: Models = None,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit 2 unless every managed model is Synced.")
    ] = False,
    form: TextOrJson = "text",
) -> None:
    """Show each model: Synced, Pending, Drifted, Missing, Unmanaged or Unknown, and what holds its stages.

    Example: mlflow-gitops status --exit-code
    """
    from mlflow_gitops.commands import status as command

    raise typer.Exit(command.run(context.obj, models or [], exit_code, form))


app.command("list", hidden=True)(status)


@app.command()
def demo(
    context: typer.Context,
    folder: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="A new folder, or one that an earlier demo made.")
    ] = Path("mlflow-gitops-demo"),
) -> None:
    """Tell the whole story on an embedded MLflow with really trained models.

    Example: mlflow-gitops demo /tmp/story
    """
    from mlflow_gitops.commands import demo as command

    raise typer.Exit(command.run(context.obj, folder))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code (DESIGN §5). No traceback for anything a user can cause."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal or pipe that cannot show a character gets a stand-in instead of a crash.
        getattr(stream, "reconfigure", lambda **_: None)(errors="replace")
    try:
        command = typer.main.get_command(app)
        code = command.main(
            args=None if arguments is None else list(arguments), prog_name="mlflow-gitops", standalone_mode=False
        )
        sys.stdout.flush()
        return int(code or 0)
    except Failure as error:
        if str(error):
            _say(f"error: {error}")
        return error.exit_code
    except _UsageError as error:
        error.show()
        return USAGE
    except (KeyboardInterrupt, typer.Abort):
        _say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone; what it did not want is no error of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ERROR


def _say(text: str) -> None:
    from mlflow_gitops.render.terminal import Style, safe

    style = Style(sys.stderr)
    head, _, rest = text.partition(": ")
    print(f"{style(head, 'red')}: {safe(rest)}" if rest else safe(text), file=sys.stderr)


def entry() -> None:
    """The `mlflow-gitops` script."""
    raise SystemExit(main())
