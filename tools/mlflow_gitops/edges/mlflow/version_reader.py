"""What MLflow recorded of single versions, their files, and copies of them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from mlflow_gitops.core.manifests.manifest import VersionSpec
from mlflow_gitops.core.manifests.origin_pin import OriginPin
from mlflow_gitops.core.observed.model import ObservedVersion
from mlflow_gitops.core.observed.server_version import LOGGED_MODELS, ServerVersion
from mlflow_gitops.core.recorded.file_digests import ModelFiles
from mlflow_gitops.core.recorded.values import ModelFile, Record
from mlflow_gitops.edges.mlflow.artifacts.file_reader import Report
from mlflow_gitops.edges.mlflow.artifacts.locations import ArtifactLocations
from mlflow_gitops.edges.mlflow.artifacts.reader import Artifacts
from mlflow_gitops.edges.mlflow.other_environments.copies import Copies
from mlflow_gitops.edges.mlflow.other_environments.lineage import (
    CopiedLineage,
    OriginVersion,
    lineage,
)
from mlflow_gitops.edges.mlflow.provenance import Provenance
from mlflow_gitops.edges.mlflow.server import Server
from mlflow_gitops.edges.system.cache import keep_list
from mlflow_gitops.errors import RegistryFailure
from mlflow_gitops.settings import Patience

if TYPE_CHECKING:
    from mlflow import MlflowClient


class VersionReader:
    """Reads single versions of the registry with these addresses, tracking and registry. Its
    methods are explained at those of `Registry`.

    `by_version` is as in `ArtifactLocations`.
    """

    def __init__(
        self,
        client: MlflowClient,
        server: Server,
        addresses: tuple[str, str],
        patience: Patience,
        *,
        by_version: bool,
        read_version: Callable[[], ServerVersion],
    ) -> None:
        self._client, self._server = client, server
        self._read_version = read_version
        self._artifacts = Artifacts(*addresses, patience.artifacts, patience.artifact_files)
        self._locations = ArtifactLocations(client, server, self._artifacts, by_version=by_version)
        self._provenance = Provenance(client, server)

    def record(self, version: ObservedVersion) -> Record | None:
        record = self._provenance.record(version)
        for source, location in self._provenance.artifact_locations.items():
            self._locations.remember(source, location)
        return record

    def model_file(self, model: str, version: ObservedVersion) -> ModelFile | None:
        is_prompt = version.words is not None
        location = None if is_prompt else self._locations.locate(model, version)
        return self._artifacts.read(location) if location else None

    def file_paths(self, model: str, version: ObservedVersion) -> tuple[str, ...]:
        location = self._locations.locate(model, version)
        return self._artifacts.paths(location) if location else ()

    def files(
        self,
        model: str,
        version: ObservedVersion,
        report: Report,
        *,
        keep_in: Path | None,
        cached: bool,
    ) -> ModelFiles:
        location = self._location(model, version)
        if keep_in is not None:
            files = self._artifacts.files(location, keep_in, report, keep=True)
        else:
            with tempfile.TemporaryDirectory(
                prefix="mlflow-gitops-", ignore_cleanup_errors=True
            ) as scratch:
                files = self._artifacts.files(location, Path(scratch), report, cached=cached)
        keep_list(files)
        return files

    def download(self, model: str, version: ObservedVersion, folder: str) -> Path:
        return self._artifacts.download(self._location(model, version), folder)

    def _location(self, model: str, version: ObservedVersion) -> str:
        location = self._locations.locate(model, version)
        if location is None:
            raise RegistryFailure(f"Version {version.number} of {model} has no artifacts.")
        return location

    def lineage(self, version: ObservedVersion) -> CopiedLineage:
        return lineage(self._server, self._client, version)

    def copy(self, pin: OriginPin, origin: OriginVersion) -> VersionSpec:
        """Copy a version of another environment, whose artifacts were downloaded."""
        version = self._read_version()
        if not version.has(LOGGED_MODELS):
            raise RegistryFailure(
                f"{self._server.shown} {version.lack_of(LOGGED_MODELS)}, and a copy is one: it"
                " can hold a run with files, params and metrics, and no model whose metrics on"
                " datasets gates judge by.",
                fix="Upgrade that server, or train and register the version there.",
            )
        return Copies(self._client, self._server, self._artifacts).make(pin, origin)
