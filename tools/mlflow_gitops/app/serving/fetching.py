"""Download the files of a version, and keep them only if they are those that git pins."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from mlflow_gitops.core.observed.resolved import Resolved
from mlflow_gitops.core.recorded.file_lists import FindList, differing_files
from mlflow_gitops.core.wording import shell_words
from mlflow_gitops.errors import Failure, Refused, RegistryFailure, UnfitFiles

if TYPE_CHECKING:
    from mlflow_gitops.edges.mlflow.registry import Registry


def fetch_version(
    registry: Callable[[], Registry],
    resolved: Resolved,
    folder: Path,
    report: Callable[[int], None] = lambda count: None,
    find_list: FindList = lambda digest: None,
) -> bool:
    """Put the files of a version into `folder`, which appears with all of them or not at all. False
    if it has exactly these files already; MLflow is then not asked.

    Each file is digested as it was written, and nothing is ever loaded. Raises Refused if git pins
    no digest, if the files are others, or if `folder` holds something else.
    """
    name = f"{resolved.model} {resolved.version}"
    if resolved.digest is None:
        raise Refused(
            f"git pins no digest of {name}, so nobody can say whether its files are those that were"
            " approved.",
            fix=f"Pin it: mlflow-gitops pin {shell_words(resolved.model, resolved.version)}",
        )
    folder = Path(os.path.abspath(folder))  # noqa: PTH100  a link is not to be followed
    try:
        if _has_files(folder):
            _check_folder(folder, resolved)
            return False

        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            _download(registry(), resolved, scratch, report, find_list)
            return _moved(scratch / "files", folder, resolved)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    except OSError as error:
        raise Failure(f"{folder} could not be written: {error.strerror or error}.") from error


def _moved(files: Path, folder: Path, resolved: Resolved) -> bool:
    """Rename the files into place. False if another process put the same files there meanwhile."""
    try:
        files.replace(folder)
    except OSError:
        if not _has_files(folder):
            raise
        _check_folder(folder, resolved)
        return False
    return True


def _download(
    registry: Registry,
    resolved: Resolved,
    scratch: Path,
    report: Callable[[int], None],
    find_list: FindList,
) -> None:
    """Download into the folder `files` in `scratch`. Raises Refused if the digest differs."""
    observed = registry.read(resolved.model)
    version = observed.versions.get(resolved.version) if observed is not None else None
    if version is None or (observed is not None and observed.is_prompt):
        raise Refused(f"MLflow has no version {resolved.version} of the model {resolved.model}.")

    try:
        files = registry.files(resolved.model, version, report, keep_in=scratch)
    except UnfitFiles as unfit:
        raise Refused(
            f"MLflow does not have the files of {resolved.model} {resolved.version} that were"
            f" approved; nothing was kept. {unfit.message}",
            fix="Find out who changed or deleted them: mlflow-gitops verify --artifacts",
        ) from None
    if files.digest != resolved.digest:
        differing = differing_files(files, find_list(resolved.digest or ""))
        raise Refused(
            f"The files of {resolved.model} {resolved.version} have the digest {files.digest}, and"
            f" git pins {resolved.digest}: {differing}. They are not the files that were"
            " approved; nothing was kept.",
            fix="Find out who wrote them: mlflow-gitops verify --artifacts",
        )


def _has_files(folder: Path) -> bool:
    """Whether something is there already. An empty folder is replaced."""
    if folder.is_dir() and not folder.is_symlink():
        return any(folder.iterdir())
    return folder.exists() or folder.is_symlink()


def _check_folder(folder: Path, resolved: Resolved) -> None:
    from mlflow_gitops.edges.mlflow.artifacts.file_reader import digest_of

    try:
        is_same = folder.is_dir() and digest_of(folder) == resolved.digest
    except (RegistryFailure, OSError):  # a link, or something that cannot be read
        is_same = False
    if not is_same:
        raise Refused(
            f"{folder} exists, and is not the model {resolved.model} {resolved.version}.",
            fix="Name another folder, or remove that one.",
        )
