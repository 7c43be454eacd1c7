"""The one place that talks to MLflow, through its public client.

`Registry` reads (`reading.py`) and writes (`writing.py`) over one connection (`connection.py`), and
reads what MLflow recorded of a version. It normalises what MLflow returns: versions are `int` on
SQL stores and `str` over HTTP, descriptions are `None` or `''` (3.17). Whatever MLflow, its
database or the network may raise becomes a RegistryFailure.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from mlflow_gitops.core.manifests.manifest import VersionSpec
from mlflow_gitops.core.manifests.origin_pin import OriginPin
from mlflow_gitops.core.observed.model import ObservedVersion
from mlflow_gitops.core.recorded.file_digests import ModelFiles
from mlflow_gitops.core.recorded.values import ModelFile, Record
from mlflow_gitops.edges.mlflow.artifacts.file_reader import Report
from mlflow_gitops.edges.mlflow.artifacts.locations import ArtifactLocations
from mlflow_gitops.edges.mlflow.artifacts.reader import Artifacts
from mlflow_gitops.edges.mlflow.other_environments.copies import Copies
from mlflow_gitops.edges.mlflow.other_environments.lineage import CopiedLineage, lineage
from mlflow_gitops.edges.mlflow.other_environments.origins import OtherEnvironments
from mlflow_gitops.edges.mlflow.provenance import Provenance
from mlflow_gitops.edges.mlflow.reading import Reader
from mlflow_gitops.edges.mlflow.writing import Writer
from mlflow_gitops.edges.system.cache import keep_list
from mlflow_gitops.errors import RegistryFailure
from mlflow_gitops.settings import DEFAULT_PATIENCE, Patience


class Registry(Reader, Writer):
    """One MLflow registry, to read and to write.

    Every method that makes a request raises RegistryFailure if MLflow cannot be reached or refuses.
    """

    def __init__(
        self,
        tracking_uri: str | None = None,
        registry_uri: str | None = None,
        report_slow: Callable[[str], None] = lambda text: None,
        workspace: str | None = None,
        patience: Patience = DEFAULT_PATIENCE,
    ) -> None:
        super().__init__(tracking_uri, registry_uri, report_slow, workspace, patience)
        self._artifacts = Artifacts(
            self.tracking_uri, self.uri, patience.artifacts, patience.artifact_files
        )
        self.other_environments = OtherEnvironments({})

    @cached_property
    def _locations(self) -> ArtifactLocations:
        return ArtifactLocations(
            self._client, self._server, self._artifacts, by_version=self.stageless
        )

    @cached_property
    def _provenance(self) -> Provenance:
        return Provenance(self._client, self._server)

    def record(self, version: ObservedVersion) -> Record | None:
        """Read what MLflow recorded about the files of a version: its logged model and run; None if
        it names neither."""
        record = self._provenance.record(version)
        for source, location in self._provenance.artifact_locations.items():
            self._locations.remember(source, location)
        return record

    def model_file(self, model: str, version: ObservedVersion) -> ModelFile | None:
        """Read what a version's artifacts state about the model; None if it has none, as a prompt.

        A version without a status is only pinned and not in MLflow yet. Of the sources that a pin
        may name, only MLflow's own `models:/m-…` and `runs:/…` are read.
        """
        is_prompt = version.words is not None
        location = None if is_prompt else self._locations.locate(model, version)
        return self._artifacts.read(location) if location else None

    def files(
        self,
        model: str,
        version: ObservedVersion,
        report: Report = lambda count: None,
        *,
        keep_in: Path | None = None,
        cached: bool = False,
    ) -> ModelFiles:
        """Read and digest all files of a version. With `keep_in`, an empty folder, they are kept
        below it in the folder `files`. With `cached`, files that their storage shows unchanged are
        not read again. `report` gets the number of bytes digested so far."""
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
        """Download all artifacts of a version into a new path below `folder`; returns that path."""
        return self._artifacts.download(self._location(model, version), folder)

    def _location(self, model: str, version: ObservedVersion) -> str:
        location = self._locations.locate(model, version)
        if location is None:
            raise RegistryFailure(f"Version {version.number} of {model} has no artifacts.")
        return location

    def lineage(self, version: ObservedVersion) -> CopiedLineage:
        """Read everything that MLflow recorded of a version, to copy it."""
        return lineage(self._server, self._client, version)

    def bring(self, pin: OriginPin) -> VersionSpec:
        """Copy a version of another environment into this MLflow, with its lineage; returns what to
        register it from.

        Raises Refused if the version is not the one that the pin names.
        """
        copies = Copies(self._client, self._server, self._artifacts)
        return self.other_environments.with_artifacts(pin, copies.make)
