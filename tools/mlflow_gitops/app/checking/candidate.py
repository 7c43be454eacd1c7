"""The files of a version in a folder of this machine, and the policy's dataset beside them.

The job that runs a model's code gets such a folder: files, and rows without their labels.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlflow_gitops.core.manifests.manifest import VersionSpec
from mlflow_gitops.core.observed.model import ObservedVersion
from mlflow_gitops.core.recorded.file_lists import FindList, differing_files
from mlflow_gitops.errors import Failure, Refused, RegistryFailure

if TYPE_CHECKING:
    from mlflow_gitops.app.checking.data import LabelledData
    from mlflow_gitops.edges.mlflow.artifacts.file_reader import Report
    from mlflow_gitops.edges.mlflow.registry import Registry

_DESCRIPTION, _FILES, _FEATURES = "candidate.json", "files", "features.csv"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")
_DATA = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True)
class CheckCandidate:
    """A version whose files are in `folder`, with their digest. `data` is the SHA-256 of the
    policy's dataset, whose rows without labels are there, too; None without one."""

    model: str
    version: int
    digest: str
    folder: Path
    data: str | None = None

    @property
    def files(self) -> Path:
        return self.folder / _FILES

    @property
    def features(self) -> Path | None:
        return self.folder / _FEATURES if self.data is not None else None


def fetch_candidate(
    registry: Registry,
    model: str,
    version: ObservedVersion,
    spec: VersionSpec | None,
    folder: Path,
    data: LabelledData | None,
    find_list: FindList,
    report: Report,
) -> CheckCandidate:
    """Download the files of a version into `folder`, which must be new or empty. Raises Refused if
    git pins other files."""
    if folder.exists() and any(folder.iterdir()):
        raise Failure(f"{folder} is not empty.", fix="Name a new folder.")
    folder.mkdir(parents=True, exist_ok=True)
    files = registry.files(model, version, report, keep_in=folder)
    pinned = spec.files_digest if spec is not None else None
    if pinned is not None and files.digest != pinned:
        raise Refused(
            f"The files of {model} {version.number} have the digest {files.digest}, and git pins"
            f" {pinned}: {differing_files(files, find_list(pinned))}. Nothing was run.",
            fix="Find out who wrote them: mlflow-gitops verify --artifacts",
        )

    candidate = CheckCandidate(
        model, version.number, files.digest, folder, data.sha256 if data is not None else None
    )
    if candidate.features is not None and data is not None:
        candidate.features.write_text(data.features, encoding="utf-8")
    description = {
        "schema": 1,
        "model": model,
        "version": version.number,
        "digest": files.digest,
        "data": candidate.data,
    }
    (folder / _DESCRIPTION).write_text(json.dumps(description), encoding="utf-8")
    return candidate


def read_candidate(folder: Path) -> CheckCandidate:
    """The candidate that `fetch_candidate` wrote. Its files are digested again."""
    from mlflow_gitops.edges.mlflow.artifacts.file_reader import digest_of

    try:
        description = json.loads((folder / _DESCRIPTION).read_text(encoding="utf-8"))
        model, version = description["model"], description["version"]
        digest, data = description["digest"], description["data"]
        is_right = isinstance(model, str) and isinstance(version, int) and version > 0
        is_right = is_right and bool(_DIGEST.match(digest))
        is_right = is_right and (data is None or bool(_DATA.match(data)))
    except (OSError, ValueError, KeyError, TypeError):
        is_right = False
    if not is_right:
        raise Failure(
            f"{folder} has no candidate that could be checked.",
            fix="Make one: mlflow-gitops check MODEL VERSION --to DIR",
        )

    try:
        actual = digest_of(folder / _FILES)
    except (RegistryFailure, OSError) as error:
        raise Refused(f"The files in {folder} cannot be read: {error}") from None
    if actual != digest:
        raise Refused(f"The files in {folder} have the digest {actual}, not {digest}.")
    return CheckCandidate(model, version, digest, folder, data)
