"""`verify`: do git and the receipts explain everything that MLflow shows?"""

from __future__ import annotations

from collections.abc import Sequence

from mlflow_gitops.app.audit.record.signed_commits import SignedCommits
from mlflow_gitops.app.audit.served_files import FileReading
from mlflow_gitops.app.audit.verify import Verifier
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.byte_progress import byte_progress
from mlflow_gitops.commands.output import note, print_result, steps, warn
from mlflow_gitops.errors import OK, REFUSED
from mlflow_gitops.render import formats
from mlflow_gitops.settings import Settings


def run(
    settings: Settings,
    models: Sequence[str],
    *,
    fail_on_unmanaged: bool,
    signatures: bool,
    since: str | None = None,
    artifacts: bool = False,
    full: bool = False,
    form: str,
) -> int:
    """Verify MLflow against the main line. Exits 4 when something is unexplained; with
    `fail_on_unmanaged`, also when MLflow has models that nobody manages here. With `since`,
    signatures are asked for of commits from a time or revision on. With `artifacts`, the
    files of all versions in stages are compared with their pinned digests; with `full`, all of them
    are read, also those that their storage shows unchanged since the last time."""
    workspace = Workspace(settings.git_alone)
    from mlflow_gitops.app.connect import connect

    progress = steps(settings)
    progress("loading MLflow")
    registry = connect(workspace, warn)
    with byte_progress(settings, "Reading files") as report:
        reading = FileReading(full, report) if artifacts or full else None
        rule = SignedCommits(since) if signatures else None
        verifier = Verifier(workspace, registry, signatures=rule, artifacts=reading)
        models = _named(workspace, models)
        verification = verifier.verify(models, progress)
    print_result(formats.VERIFY, form, verification)
    if since is not None:
        note(settings, f"Signatures were asked for of commits since {since}, not of earlier ones.")

    has_failed = bool(verification.findings) or (fail_on_unmanaged and bool(verification.unmanaged))
    return REFUSED if has_failed else OK


def _named(workspace: Workspace, models: Sequence[str]) -> Sequence[str]:
    """The models, with those for each glob that have a manifest on the main branch."""
    if not models:
        return models
    from mlflow_gitops.commands.model_globs import named_models

    return named_models(models, workspace.at(workspace.main_ref).contents, workspace.registry)
