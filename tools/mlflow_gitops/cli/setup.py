"""Commands that set a repository up and look after what is around the manifests: init, import,
codeowners, doctor."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from mlflow_gitops.cli import completion
from mlflow_gitops.cli.app import app, format_option
from mlflow_gitops.render import formats


@app.command()
def init(
    context: typer.Context,
    yes: Annotated[
        bool,
        typer.Option("--yes", "-y", help="Ask nothing: take the defaults, and the options given."),
    ] = False,
    owner: Annotated[
        Optional[str],
        typer.Option(
            metavar="OWNER",
            help="Who owns the policy: @org/team, @user or an e-mail address.",
            show_default=False,
        ),
    ] = None,
    github: Annotated[
        Optional[bool],
        typer.Option(
            "--github/--no-github",
            help="Workflows, CODEOWNERS and pull request template. [default: --github]",
            show_default=False,
        ),
    ] = None,
    aliases: Annotated[
        Optional[bool],
        typer.Option(
            "--aliases/--no-aliases",
            help="Keep each stage as an alias, too. [default: --no-aliases]",
            show_default=False,
        ),
    ] = None,
    requirement: Annotated[
        Optional[str],
        typer.Option(
            metavar="REQ",
            help="What pip installs in the workflows. [default: this version]",
            show_default=False,
        ),
    ] = None,
    update: Annotated[
        bool,
        typer.Option(
            "--update",
            help="Renew schemas and workflows that an older release wrote and nobody edited.",
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the diff and write nothing.")
    ] = False,
    form: Annotated[str, format_option(formats.INIT)] = "text",
) -> None:
    """Write what a repository needs around its manifests: policy, schemas, workflows, action,
    CODEOWNERS, template.

    Asks three questions at most, none with --yes. What is there stays as it is; CODEOWNERS gets a
    block at its end.

    Example: mlflow-gitops init --owner @acme/ml-platform --yes
    """
    from mlflow_gitops.commands import init as command

    options = command.InitOptions(owner, github, aliases, requirement, update, dry_run, form)
    raise typer.Exit(
        command.run(
            context.obj,
            options,
            command.ask_on_terminal if command.is_interactive() and not yes else None,
        )
    )


@app.command("import")
def import_(
    context: typer.Context,
    models: Annotated[
        Optional[list[str]],
        typer.Argument(
            metavar="[MODEL]...",
            help="Only these models, by name or by a glob with * and ?.",
            show_default=False,
            autocompletion=completion.models,
        ),
    ] = None,
    folder: Annotated[
        Optional[list[str]],
        typer.Option(
            metavar="GLOB=FOLDER",
            help="Put new manifests of such models into a folder below models/. May be repeated.",
            show_default=False,
        ),
    ] = None,
    folder_by_tag: Annotated[
        Optional[str],
        typer.Option(
            metavar="TAG",
            help="Put new manifests into folders by the value of a model's tag.",
            show_default=False,
        ),
    ] = None,
    all_versions: Annotated[
        bool,
        typer.Option(
            "--all-versions",
            help="Pin every version, not only those that hold a stage or an alias.",
        ),
    ] = False,
    descriptions: Annotated[
        bool, typer.Option("--descriptions", help="Take descriptions too: git manages them then.")
    ] = False,
    tags: Annotated[
        bool, typer.Option("--tags", help="Take tags too: git manages them then.")
    ] = False,
    prompts: Annotated[
        bool, typer.Option("--prompts", help="Take prompts too, not only those that are named.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the diff and write nothing.")
    ] = False,
    form: Annotated[str, format_option(formats.IMPORT)] = "text",
) -> None:
    """Write manifests from MLflow as it is now: stages, aliases, and a pin of each version that
    holds one.

    Manifests that are there follow what MLflow did. What was changed in them since the model was
    last reconciled (before that: since the last commit) stays, and so does all that people wrote
    beside; no file is deleted.

    Example: mlflow-gitops import 'fraud-*' --folder 'fraud-*=risk' --dry-run
    """
    from mlflow_gitops.app.imports.importer import ImportOptions
    from mlflow_gitops.app.imports.selection import read_folders
    from mlflow_gitops.commands import import_ as command
    from mlflow_gitops.core.authoring.manifest_content import ImportScope

    scope = ImportScope(all_versions, descriptions, tags)
    folders = read_folders(folder or [], folder_by_tag)
    options = ImportOptions(scope, folders, dry_run, form, prompts)
    raise typer.Exit(command.run(context.obj, models or [], options))


@app.command()
def codeowners(
    context: typer.Context,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 3 if the file is not up to date.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write nothing; print what would change.")
    ] = False,
    form: Annotated[str, format_option(formats.CODEOWNERS)] = "text",
) -> None:
    """Write .github/CODEOWNERS from the owners in manifests and policy; your own lines above the
    block stay.

    Example: mlflow-gitops codeowners --dry-run
    """
    from mlflow_gitops.commands import codeowners as command

    raise typer.Exit(command.run(context.obj, check=check, dry_run=dry_run, form=form))


@app.command()
def doctor(
    context: typer.Context, form: Annotated[str, format_option(formats.DOCTOR)] = "text"
) -> None:
    """Look at git, policy, workflows, MLflow and GitHub: what is missing, and how to mend it.
    Changes nothing.

    Exits 1 if anything is missing, 0 if not. What cannot be told from here is neither: GitHub's
    settings take a GITHUB_TOKEN.

    Example: GITHUB_TOKEN=… mlflow-gitops doctor
    """
    from mlflow_gitops.commands import doctor as command

    raise typer.Exit(command.run(context.obj, form))
