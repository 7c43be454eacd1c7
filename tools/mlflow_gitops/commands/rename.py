"""`rename`: gives a model another name, in its manifest, in CODEOWNERS and in MLflow."""

from __future__ import annotations

import shlex
from pathlib import PurePosixPath
from typing import Any

from mlflow_gitops.app.setup.codeowners import existing
from mlflow_gitops.app.setup.moved_signatures import move_files, rename_diff, signature_moves
from mlflow_gitops.app.setup.renaming import has_new_name, rename_in_mlflow
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.codeowners import update
from mlflow_gitops.commands.manifest_file import OpenManifest, open_manifest
from mlflow_gitops.commands.output import note_for_people, print_result, report_errors, warn
from mlflow_gitops.core.authoring.rename_manifest import renamed_text
from mlflow_gitops.core.manifests.manifest import read_manifest
from mlflow_gitops.core.manifests.names import file_stem, folded, model_of, name_fault
from mlflow_gitops.core.manifests.registry_folder import stem_of
from mlflow_gitops.core.yaml.text_edits import UnsupportedLayout
from mlflow_gitops.edges.system.files import write_file
from mlflow_gitops.errors import OK, Failure
from mlflow_gitops.render import formats
from mlflow_gitops.render.diff import unified
from mlflow_gitops.render.written_files import WrittenFiles
from mlflow_gitops.settings import Settings


def run(settings: Settings, old: str, new: str, *, apply: bool, dry_run: bool, form: str) -> int:
    """Move the manifest of `old` to `new`, its signatures and its lines in CODEOWNERS. With
    `apply`, rename the model in MLflow, too; that is all there is to do if the manifest has the new
    name already."""
    workspace = Workspace(settings)
    data: dict[str, Any] = {"model": new, "from": old, "files": [], "diff": "", "mlflow": "to_do"}
    diffs: list[str] = []
    if not (apply and has_new_name(workspace, old, new)):
        target = open_manifest(settings, old, form)
        diffs = _move(target, new, data, dry_run=dry_run)
        data["diff"] = "".join(diffs)
        if not dry_run:
            data["files"] += _update_codeowners(settings)

    if apply and not dry_run:
        data["mlflow"] = rename_in_mlflow(workspace, old, new, warn)
    print_result(formats.EDIT, form, WrittenFiles(data, diffs))
    note_for_people(settings, form, _next_step(old, new, data["mlflow"], dry_run=dry_run))
    return OK


def _move(target: OpenManifest, new: str, data: dict[str, Any], *, dry_run: bool) -> list[str]:
    """Write the manifest under its new name, move the signatures of its versions, and remove the
    old files. Returns the diffs."""
    _check_name(target, new)
    file = str(PurePosixPath(target.file).with_name(f"{file_stem(new)}.yaml"))
    content = _renamed(target, file, new)
    signatures = signature_moves(target.workspace, target.name, new)
    diffs = [unified(target.file, target.data, b""), unified(file, None, content)]
    diffs += [rename_diff(before, after) for before, after in signatures.items()]
    if dry_run:
        return diffs

    target.workspace.checkout.check_can_write(file)
    moved = target.workspace.top / file
    try:
        (target.workspace.top / target.file).rename(moved)
    except OSError as error:
        raise Failure(f"{target.file} cannot be moved: {error.strerror or error}.") from None
    write_file(moved, content)
    move_files(target.workspace.top, signatures)
    data["files"] = [target.file, file, *signatures.keys(), *signatures.values()]
    return diffs


def _check_name(target: OpenManifest, new: str) -> None:
    """Raise Failure if the new name cannot be used, or is in use."""
    fault = name_fault(new, target.manifest.kind)
    if "/" in new or ":" in new:
        fault = "newer MLflow refuses names with / or :"
    if fault:
        raise Failure(f"{new!r} cannot be the name of a model: {fault}.")
    registry = target.workspace.registry
    for path in target.workspace.checkout.registry_paths(registry):
        other = model_of(stem_of(path))
        is_manifest = registry.classify(path) == "manifest"
        if is_manifest and other != target.name and folded(other) == folded(new):
            raise Failure(f"The name {new} is in use: {path}.")
    if new == target.name:
        raise Failure(f"{new} has this name already.")


def _renamed(target: OpenManifest, file: str, new: str) -> bytes:
    """The content of the renamed manifest. Raises Failure if the layout of the old one is not
    supported."""
    is_marked = target.data.startswith(b"\xef\xbb\xbf")
    try:
        text = renamed_text(target.data.decode("utf-8-sig"), target.manifest, new)
    except UnsupportedLayout:
        text = ""
    content = text.encode("utf-8-sig" if is_marked else "utf-8")
    manifest, _ = read_manifest(content, file)
    if manifest is None or target.name not in manifest.formerly:
        raise Failure(
            f"The layout of {target.file} cannot be edited.",
            fix=f"Move it to {file} by hand, with name: {new} and formerly: [{target.name}].",
        )
    return content


def _update_codeowners(settings: Settings) -> list[str]:
    """Bring CODEOWNERS up to date, if there is one. Returns its path if it changed."""
    workspace = Workspace(settings, all_environments=True)
    current = existing(workspace)
    if current is None:
        return []
    updated, errors = update(workspace, settings, current)
    if errors:
        report_errors(errors)
        warn(f"The lines of files with errors stay as they are in {current.file}.")
    return [current.file] if updated != current.text else []


def _next_step(old: str, new: str, in_mlflow: str, *, dry_run: bool) -> str:
    command = shlex.join(["mlflow-gitops", "rename", old, new, "--apply"])
    if dry_run:
        return "Nothing was written."
    if in_mlflow == "to_do":
        return (
            f"Commit these files, and when they are merged, rename it in MLflow: {command}. Until"
            f" then, plan refuses {new}, and {old} stays as it is in MLflow."
        )
    if in_mlflow == "renamed":
        return f"{old} is {new} in MLflow."
    return f"MLflow had it as {new} already."
