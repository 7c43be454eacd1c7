"""`bom`: a version's bill of materials as CycloneDX."""

from __future__ import annotations

import hashlib
from pathlib import Path

from mlflow_gitops.app.file_lists import FileLists
from mlflow_gitops.app.serving.bills import read_bill
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.byte_progress import byte_progress
from mlflow_gitops.commands.named_version import observed_version, stage_aliases
from mlflow_gitops.commands.output import emit, print_result, warn
from mlflow_gitops.core.manifests.manifest import VersionSpec
from mlflow_gitops.errors import OK, Failure
from mlflow_gitops.render import formats
from mlflow_gitops.render.serving.bill import cyclonedx
from mlflow_gitops.render.written_files import WrittenFiles
from mlflow_gitops.settings import Settings


def run(settings: Settings, model: str, name: str, out: Path | None, form: str) -> int:
    """Write the bill of materials of the version that `name` means (a number, a stage or an alias)
    to `out`, or print it."""
    from mlflow_gitops.app.connect import connect

    workspace = Workspace(settings)
    registry = connect(workspace, warn)
    observed = registry.read(model)
    if observed is None or observed.is_prompt:
        raise Failure(
            f"{model} is no registered model in MLflow ({registry.display_uri}). Name one as MLflow"
            " spells it."
        )
    aliases = stage_aliases(workspace, model, observed.kind, stageless=registry.stageless)
    number = observed_version(name, observed, aliases)
    manifest = workspace.tree().manifests.get(model)
    spec = manifest.versions.get(number, VersionSpec()) if manifest is not None else None

    with byte_progress(settings, f"Reading version {number}") as report:
        find_list = FileLists(workspace).find
        bill = read_bill(registry, observed, number, spec, find_list, report)
    text = cyclonedx(bill)
    if out is None:
        emit(text.splitlines())
        return OK

    content = text.encode()
    try:
        out.write_bytes(content)
    except OSError as error:
        raise Failure(f"{out} cannot be written: {error.strerror or error}.") from None
    digest = hashlib.sha256(content).hexdigest()
    data = {"model": model, "version": number, "file": str(out), "sha256": digest}
    sentence = f"{out}: the bill of materials of {model} {number}, sha256 {digest}"
    print_result(formats.BOM, form, WrittenFiles(data, lines=[sentence]))
    return OK
