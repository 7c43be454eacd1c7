"""Commands that set up a repository and check what surrounds its manifests: init, import,
codeowners, doctor, rights; and rename."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from mlflow_gitops.cli import completion
from mlflow_gitops.cli.app import app, format_option
from mlflow_gitops.render import formats

_Yes = Annotated[
    bool,
    typer.Option(
        "--yes", "-y", help="Ask no questions: use the options and, for the rest, the defaults."
    ),
]
_Owner = Annotated[
    Optional[str],
    typer.Option(
        metavar="OWNER",
        help="The owner of the policy: @org/team, @user or an e-mail address.",
        show_default=False,
    ),
]
_Github = Annotated[
    Optional[bool],
    typer.Option(
        "--github/--no-github",
        help="Write workflows, CODEOWNERS and a pull request template. [default: --github]",
        show_default=False,
    ),
]
_Aliases = Annotated[
    Optional[bool],
    typer.Option(
        "--aliases/--no-aliases",
        help="Also keep an alias for each stage. [default: --no-aliases]",
        show_default=False,
    ),
]
_Requirement = Annotated[
    Optional[str],
    typer.Option(
        metavar="REQ",
        help="The requirement that pip installs in the workflows. [default: this version]",
        show_default=False,
    ),
]
_Update = Annotated[
    bool,
    typer.Option(
        "--update",
        help=(
            "Update schemas and workflows that an older release wrote, unless somebody edited them."
        ),
    ),
]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Only print the diff; write nothing.")]


@app.command()
def init(
    context: typer.Context,
    yes: _Yes = False,
    owner: _Owner = None,
    github: _Github = None,
    aliases: _Aliases = None,
    requirement: _Requirement = None,
    update: _Update = False,
    dry_run: _DryRun = False,
    form: Annotated[str, format_option(formats.INIT)] = "text",
) -> None:
    """Write what a repository needs around its manifests: policy, schemas, workflows, action,
    CODEOWNERS, template.

    Asks at most three questions, none with --yes. Existing files are not changed, except that
    CODEOWNERS gets a block at its end.

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


_Models = Annotated[
    Optional[list[str]],
    typer.Argument(
        metavar="[MODEL]...",
        help="Only these models, by name or by a glob with * and ?.",
        show_default=False,
        autocompletion=completion.models,
    ),
]
_Folder = Annotated[
    Optional[list[str]],
    typer.Option(
        metavar="GLOB=FOLDER",
        help="Put new manifests of matching models into a folder below models/. Can be repeated.",
        show_default=False,
    ),
]
_FolderByTag = Annotated[
    Optional[str],
    typer.Option(
        metavar="TAG",
        help="Put each new manifest into a folder that is named by the value of this model tag.",
        show_default=False,
    ),
]
_AllVersions = Annotated[
    bool,
    typer.Option(
        "--all-versions",
        help="Pin every version, not only those that hold a stage or an alias.",
    ),
]
_Descriptions = Annotated[
    bool,
    typer.Option("--descriptions", help="Import descriptions, too; git then manages them."),
]
_Tags = Annotated[bool, typer.Option("--tags", help="Import tags, too; git then manages them.")]
_Prompts = Annotated[
    bool, typer.Option("--prompts", help="Import every prompt, not only those that are named.")
]


@app.command("import")
def import_(
    context: typer.Context,
    models: _Models = None,
    folder: _Folder = None,
    folder_by_tag: _FolderByTag = None,
    all_versions: _AllVersions = False,
    descriptions: _Descriptions = False,
    tags: _Tags = False,
    prompts: _Prompts = False,
    dry_run: _DryRun = False,
    form: Annotated[str, format_option(formats.IMPORT)] = "text",
) -> None:
    """Write manifests from MLflow as it is now: stages, aliases, and a pin for each version that
    holds one.

    Existing manifests are updated to what MLflow shows. Edits since the model was last reconciled
    (or, before that, since the last commit) are kept, and so are comments and other fields. No file
    is deleted.

    Example: mlflow-gitops import 'fraud-*' --folder 'fraud-*=risk' --dry-run
    """
    from mlflow_gitops.app.imports.folders import read_folders
    from mlflow_gitops.app.imports.importer import ImportOptions
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
        bool, typer.Option("--dry-run", help="Only print the diff; write nothing.")
    ] = False,
    form: Annotated[str, format_option(formats.CODEOWNERS)] = "text",
) -> None:
    """Write .github/CODEOWNERS from the owners in manifests and policy. Your own lines above the
    block are kept.

    Example: mlflow-gitops codeowners --dry-run
    """
    from mlflow_gitops.commands import codeowners as command

    raise typer.Exit(command.run(context.obj, check=check, dry_run=dry_run, form=form))


@app.command()
def doctor(
    context: typer.Context, form: Annotated[str, format_option(formats.DOCTOR)] = "text"
) -> None:
    """Check git, policy, workflows, MLflow and GitHub: report what is missing and how to fix it.
    Changes nothing.

    Exits 1 if anything is missing. What cannot be checked from here does not count; to check
    GitHub's settings, set GITHUB_TOKEN.

    Example: GITHUB_TOKEN=… mlflow-gitops doctor
    """
    from mlflow_gitops.commands import doctor as command

    raise typer.Exit(command.run(context.obj, form))


@app.command()
def rights(
    context: typer.Context,
    apply: Annotated[
        bool, typer.Option("--apply", help="Change the rights on the server, and read back.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="With --apply: do not ask for confirmation.")
    ] = False,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit 2 if there are changes.")
    ] = False,
    form: Annotated[str, format_option(formats.RIGHTS)] = "text",
) -> None:
    """Compare what MLflow's basic-auth app grants with the least that the policy's `accounts` need:
    reconciler, trainers, readers.

    Needs the credentials of an administrator of MLflow. Accounts that the policy does not name are
    listed and left as they are. --apply goes by the commit that is checked out and merged.

    Example: mlflow-gitops rights --format markdown

    Example: mlflow-gitops rights --apply
    """
    from mlflow_gitops.commands import rights as command

    raise typer.Exit(
        command.run(
            context.obj, apply=apply, yes=yes, detailed_exitcode=detailed_exitcode, form=form
        )
    )


@app.command()
def rename(
    context: typer.Context,
    old: Annotated[
        str,
        typer.Argument(
            metavar="OLD", help="The model's present name.", autocompletion=completion.models
        ),
    ],
    new: Annotated[str, typer.Argument(metavar="NEW", help="The name that it gets.")],
    apply: Annotated[
        bool,
        typer.Option(
            "--apply",
            help="Rename the model in MLflow, too; after the merge, that is all this does.",
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the diff and write nothing.")
    ] = False,
    form: Annotated[str, format_option(formats.EDIT)] = "text",
) -> None:
    """Give a model another name: move its manifest, the signatures of its versions and its lines in
    CODEOWNERS, and list the old name in `formerly`, so that its history, its gates and its
    rollbacks go on.

    MLflow is renamed only with --apply.

    Example: mlflow-gitops rename fraud-detector card-fraud
    """
    from mlflow_gitops.commands import rename as command

    raise typer.Exit(command.run(context.obj, old, new, apply=apply, dry_run=dry_run, form=form))
