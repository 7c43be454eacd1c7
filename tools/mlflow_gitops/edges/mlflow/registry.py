"""The one place that talks to MLflow, through its public client.

`Registry` reads (`reading.py`) and writes (`writing.py`) over one connection (`connection.py`), and
reads what MLflow recorded of a version (`version_reader.py`). It normalises what MLflow returns:
versions are `int` on SQL stores and `str` over HTTP, descriptions are `None` or `''` (3.17).
Whatever MLflow, its database or the network may raise becomes a RegistryFailure.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from mlflow_gitops.edges.mlflow.reading import Reader
from mlflow_gitops.edges.mlflow.writing import Writer
from mlflow_gitops.settings import DEFAULT_PATIENCE, Patience

if TYPE_CHECKING:
    from mlflow_gitops.core.health.values import TimedValue
    from mlflow_gitops.core.manifests.manifest import VersionSpec
    from mlflow_gitops.core.manifests.origin_pin import OriginPin
    from mlflow_gitops.core.observed.model import ObservedVersion
    from mlflow_gitops.core.recorded.check_records import CheckRecord
    from mlflow_gitops.core.recorded.file_digests import ModelFiles
    from mlflow_gitops.core.recorded.values import ModelFile, Record
    from mlflow_gitops.edges.mlflow.artifacts.file_reader import Report
    from mlflow_gitops.edges.mlflow.checks.runs import CheckRuns
    from mlflow_gitops.edges.mlflow.other_environments.lineage import CopiedLineage
    from mlflow_gitops.edges.mlflow.other_environments.origins import OtherEnvironments
    from mlflow_gitops.edges.mlflow.version_reader import VersionReader


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
        self._patience = patience

    @cached_property
    def other_environments(self) -> OtherEnvironments:
        """The environments that versions may be copied from: none, unless the repository lists
        several (`app/connect.py`)."""
        from mlflow_gitops.edges.mlflow.other_environments.origins import OtherEnvironments

        return OtherEnvironments({})

    @cached_property
    def _versions(self) -> VersionReader:
        """Reads what belongs to single versions. Listing a registry needs none of it, and it takes
        longer to load than to list a small one."""
        from mlflow_gitops.edges.mlflow.version_reader import VersionReader

        return VersionReader(
            self._client,
            self._server,
            (self.tracking_uri, self.uri),
            self._patience,
            by_version=self.stageless,
            read_version=lambda: self.version,
        )

    def record(self, version: ObservedVersion) -> Record | None:
        """Read what MLflow recorded about the files of a version: its logged model and run; None if
        it names neither."""
        return self._versions.record(version)

    def model_file(self, model: str, version: ObservedVersion) -> ModelFile | None:
        """Read what a version's artifacts state about the model; None if it has none, as a prompt.

        A version without a status is only pinned and not in MLflow yet. Of the sources that a pin
        may name, only MLflow's own `models:/m-…` and `runs:/…` are read.
        """
        return self._versions.model_file(model, version)

    def file_paths(self, model: str, version: ObservedVersion) -> tuple[str, ...]:
        """List the paths of a version's files, and read none; empty if it has none.

        Of a version that is not in MLflow yet, as for `model_file`.
        """
        return self._versions.file_paths(model, version)

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
        return self._versions.files(model, version, report, keep_in=keep_in, cached=cached)

    def download(self, model: str, version: ObservedVersion, folder: str) -> Path:
        """Download all artifacts of a version into a new path below `folder`; returns that path."""
        return self._versions.download(model, version, folder)

    @cached_property
    def check_runs(self) -> CheckRuns:
        """The runs that record checks. Few policies ask for them."""
        from mlflow_gitops.edges.mlflow.checks.runs import CheckRuns

        return CheckRuns(self._client, self._server)

    def check_records(self, experiment: str, digest: str) -> tuple[CheckRecord, ...]:
        """Read the checks of the files with this digest that an experiment holds."""
        return self.check_runs.read(experiment, digest)

    def metric_history(self, run_id: str, key: str) -> tuple[TimedValue, ...]:
        """Read all values of a run's metric."""
        from mlflow_gitops.edges.mlflow.checks.monitored import metric_history  # for health only

        return metric_history(self._client, self._server, run_id, key)

    def lineage(self, version: ObservedVersion) -> CopiedLineage:
        """Read everything that MLflow recorded of a version, to copy it."""
        return self._versions.lineage(version)

    def bring(self, pin: OriginPin) -> VersionSpec:
        """Copy a version of another environment into this MLflow, with its lineage; returns what to
        register it from.

        Raises Refused if the version is not the one that the pin names.
        """
        return self.other_environments.with_artifacts(pin, self._versions.copy)
