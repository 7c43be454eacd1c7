"""Commands that look after the repository around the manifests: codeowners, doctor."""

from __future__ import annotations

from typing import Annotated

import typer

from mlflow_gitops.cli.app import TextOrJson, app


@app.command()
def codeowners(
    context: typer.Context,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 3 if the file is not up to date.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing; print what would change.")] = False,
    form: TextOrJson = "text",
) -> None:
    """Write .github/CODEOWNERS from the owners in manifests and policy; your own lines above the block stay.

    Example: mlflow-gitops codeowners --dry-run
    """
    from mlflow_gitops.commands import codeowners as command

    raise typer.Exit(command.run(context.obj, check=check, dry_run=dry_run, form=form))


@app.command()
def doctor(context: typer.Context, form: TextOrJson = "text") -> None:
    """Look at git, policy, workflows, MLflow and GitHub: what is missing, and how to mend it. Changes nothing.

    Exits 1 if anything is missing, 0 if not. What cannot be told from here is neither: GitHub's settings take a GITHUB_TOKEN.

    Example: GITHUB_TOKEN=… mlflow-gitops doctor
    """
    from mlflow_gitops.commands import doctor as command

    raise typer.Exit(command.run(context.obj, form))
