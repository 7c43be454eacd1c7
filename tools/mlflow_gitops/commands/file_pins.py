"""The digest of a version's files, as `pin`, `promote` and `rollback` write it into its pin."""

from __future__ import annotations

from collections.abc import Sequence

from mlflow_gitops.app.file_lists import FileLists
from mlflow_gitops.commands.byte_progress import byte_progress
from mlflow_gitops.commands.manifest_file import OpenManifest, pins_for
from mlflow_gitops.commands.output import warn
from mlflow_gitops.core.authoring.edit_pins import Pin
from mlflow_gitops.core.manifests.manifest import VersionSpec
from mlflow_gitops.core.observed.model import ObservedModel, ObservedVersion
from mlflow_gitops.core.recorded.file_digests import ModelFiles
from mlflow_gitops.core.recorded.file_lists import differing_files
from mlflow_gitops.core.wording import shell_words
from mlflow_gitops.errors import Refused, RegistryFailure, UnfitFiles


def pins_of_holders(
    target: OpenManifest, observed: ObservedModel | None, versions: Sequence[int], digest: bool
) -> dict[int, dict[str, Pin]]:
    """The pins to add for versions that get a stage: none without MLflow, and with `digest` those
    of their files, too. Raises Refused as `pins_for` and `digest_pins` do."""
    if observed is None:
        return {}
    pins = pins_for(target, observed, versions)
    if digest:
        for number, fields in digest_pins(target, observed, versions).items():
            pins.setdefault(number, {}).update(fields)
    return pins


def digest_pins(
    target: OpenManifest, observed: ObservedModel, versions: Sequence[int]
) -> dict[int, dict[str, Pin]]:
    """The digests to add for versions that get a stage.

    A version that has one is read and compared with it: raises Refused if its files are others, or
    gone. If files cannot be read, their digest is left out, with a warning.
    """
    pins: dict[int, dict[str, Pin]] = {}
    for number in versions:
        version = observed.versions.get(number)
        pinned = target.manifest.versions.get(number, VersionSpec()).files_digest
        files = read_files(target, version, pinned) if version is not None else None
        if files is None:
            continue
        if pinned is None:
            pins[number] = {"digest": files.digest}
        elif pinned != files.digest:
            differing = differing_files(files, FileLists(target.workspace).find(pinned))
            raise Refused(
                f"The files of version {number} have the digest {files.digest}, and it is pinned to"
                f" {pinned}: they are not the files that were reviewed; {differing}.",
                fix="If they are the right ones: mlflow-gitops pin"
                f" {shell_words(target.name, number)}",
            )
    return pins


def read_files(
    target: OpenManifest, version: ObservedVersion, pinned: str | None = None
) -> ModelFiles | None:
    """All files of a version; None, with a warning, if they cannot be read, and for a prompt.
    Raises Refused if there can be no such files any more as those that are `pinned`."""
    if target.manifest.kind == "prompt":
        return None

    from mlflow_gitops.app.connect import connect

    try:
        with byte_progress(target.settings, f"Reading version {version.number}") as report:
            return connect(target.workspace, warn).files(target.name, version, report)
    except RegistryFailure as failure:
        if pinned is None:
            warn(f"The files of version {version.number} are not pinned by a digest: {failure}")
            return None
        unread = f"The files of version {version.number} are not compared with their pinned digest"
        if isinstance(failure, UnfitFiles):
            raise Refused(f"{unread}, and are not those that were reviewed: {failure}") from None
        warn(f"{unread}: {failure}")
        return None
