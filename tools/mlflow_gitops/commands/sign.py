"""`sign`: signs the files of a version, and writes the signature into the repository."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from mlflow_gitops.app.file_lists import FileLists
from mlflow_gitops.commands.byte_progress import byte_progress
from mlflow_gitops.commands.manifest_file import (
    OpenManifest,
    missing_version,
    observe,
    open_manifest,
)
from mlflow_gitops.commands.output import note_for_people, print_result, warn
from mlflow_gitops.core.manifests.manifest import VersionSpec
from mlflow_gitops.core.manifests.names import file_stem
from mlflow_gitops.core.observed.model import ObservedVersion
from mlflow_gitops.core.recorded.file_digests import ModelFiles
from mlflow_gitops.core.recorded.file_lists import differing_files
from mlflow_gitops.core.wording import shell_words
from mlflow_gitops.edges.signing.private_key import key_password
from mlflow_gitops.edges.signing.signing import sign_folder
from mlflow_gitops.edges.system.files import put_file
from mlflow_gitops.errors import OK, Failure, Refused
from mlflow_gitops.render import formats
from mlflow_gitops.render.written_files import WrittenFiles
from mlflow_gitops.settings import Settings


def run(
    settings: Settings,
    model: str,
    version: int,
    key: Path,
    certificate: Path | None,
    chain: Sequence[Path],
    form: str,
) -> int:
    """Download the files of a version, sign them, and write the signature below `model_signatures`
    in the registry folder. Raises Refused if they are not the files that the manifest pins."""
    target = open_manifest(settings, model, form)
    if target.manifest.kind == "prompt":
        raise Failure(f"{model} is a prompt: it has no files that could be signed.")
    password = key_password(key, _ask_password if _is_interactive() else None)
    observed = observe(target)
    if version not in observed.versions:
        raise missing_version(target, observed, version)

    workspace = target.workspace
    path = workspace.registry.signature_path(model, version)
    with tempfile.TemporaryDirectory(prefix="mlflow-gitops-") as scratch:
        files = _download(target, observed.versions[version], Path(scratch))
        _check_pinned(target, version, files)
        # The folder's name is the name that the signature gives its subject.
        folder = (Path(scratch) / "files").rename(Path(scratch) / f"{file_stem(model)}-{version}")
        signature = Path(scratch) / "signature"
        sign_folder(folder, key, certificate, chain, signature, password)
        put_file(
            workspace.top, path, signature.read_bytes(), new=not workspace.checkout.exists(path)
        )

    data = {"model": model, "version": version, "digest": files.digest, "file": path}
    sentence = f"{path}: signed {len(files.files)} files, {files.digest}"
    print_result(formats.SIGN, form, WrittenFiles(data, lines=[sentence]))
    if not _pinned(target, version):
        warn(f"Their digest is not pinned yet: mlflow-gitops pin {shell_words(model, version)}")
    note_for_people(settings, form, "Commit it with the change that promotes the version.")
    return OK


def _is_interactive() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _ask_password() -> str:
    import typer

    password: str = typer.prompt("Password of the key", hide_input=True, err=True)
    return password


def _download(target: OpenManifest, version: ObservedVersion, folder: Path) -> ModelFiles:
    from mlflow_gitops.app.connect import connect

    with byte_progress(target.settings, f"Reading version {version.number}") as report:
        registry = connect(target.workspace, warn)
        return registry.files(target.name, version, report, keep_in=folder)


def _pinned(target: OpenManifest, version: int) -> str | None:
    return target.manifest.versions.get(version, VersionSpec()).files_digest


def _check_pinned(target: OpenManifest, version: int, files: ModelFiles) -> None:
    pinned = _pinned(target, version)
    if pinned in (None, files.digest):
        return
    differing = differing_files(files, FileLists(target.workspace).find(pinned or ""))
    raise Refused(
        f"The files of version {version} have the digest {files.digest}, and it is pinned to"
        f" {pinned}: they are not the files that were reviewed; {differing}.",
        fix=f"If they are the right ones: mlflow-gitops pin {shell_words(target.name, version)}",
    )
