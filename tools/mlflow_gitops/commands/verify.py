"""`verify`: do git and the receipts explain everything that MLflow shows?"""

from __future__ import annotations

from collections.abc import Sequence

from mlflow_gitops.app.audit.served_files import FileReading
from mlflow_gitops.app.audit.verify import Verifier
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.byte_progress import byte_progress
from mlflow_gitops.commands.output import print_result, steps, warn
from mlflow_gitops.errors import OK, REFUSED
from mlflow_gitops.render import formats
from mlflow_gitops.settings import Settings


def run(
    settings: Settings,
    models: Sequence[str],
    *,
    fail_on_unmanaged: bool,
    signatures: bool,
    artifacts: bool = False,
    full: bool = False,
    form: str,
) -> int:
    """Verify MLflow against the main line. Exits 4 when something is unexplained; with
    `fail_on_unmanaged`, also when MLflow has models that nobody manages here. With `artifacts`, the
    files of all versions in stages are compared with their pinned digests; with `full`, all of them
    are read, also those that their storage shows unchanged since the last time."""
    workspace = Workspace(settings)
    from mlflow_gitops.app.connect import connect

    progress = steps(settings)
    progress("loading MLflow")
    registry = connect(workspace, warn)
    with byte_progress(settings, "Reading files") as report:
        reading = FileReading(full, report) if artifacts or full else None
        verifier = Verifier(workspace, registry, signatures=signatures, artifacts=reading)
        verification = verifier.verify(models, progress)
    print_result(formats.VERIFY, form, verification)

    has_failed = bool(verification.findings) or (fail_on_unmanaged and bool(verification.unmanaged))
    return REFUSED if has_failed else OK
