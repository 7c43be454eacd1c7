"""Where the artifacts of a version lie: MLflow's own addresses (`models:/…`, `runs:/…`) resolved to
those of the storage."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from mlflow_gitops.core.observed.model import ObservedVersion
from mlflow_gitops.edges.mlflow.listing import logged_model
from mlflow_gitops.edges.mlflow.model_file import Artifacts
from mlflow_gitops.edges.mlflow.server import Server
from mlflow_gitops.edges.system.redaction import without_credentials
from mlflow_gitops.errors import RegistryFailure

if TYPE_CHECKING:
    from mlflow import MlflowClient


class Places:
    """The places of one registry's versions. With `by_version`, artifacts are read by a version's
    own name alone."""

    def __init__(
        self, client: MlflowClient, server: Server, artifacts: Artifacts, *, by_version: bool
    ) -> None:
        self._client = client
        self._server = server
        self._artifacts = artifacts
        self._by_version = by_version
        self._known: dict[str, str] = {}

    def know(self, source: str, location: str) -> None:
        """Keep what is known already of a source."""
        self._known[source] = location

    def of(self, model: str, version: ObservedVersion) -> str | None:
        """Where a version's artifacts are."""
        if (
            version.status and self._by_version
        ):  # Unity Catalog gives access by the version's own name alone
            return f"models:/{model}/{version.number}"
        if known := self._known.get(version.source or ""):
            return known
        if not version.status:
            return self._settled(version.source)
        place = partial(self._client.get_model_version_download_uri, model)
        return self._settled(
            self._server.find(place, str(version.number)) or version.source, seen=True
        )

    def _settled(self, location: str | None, *, seen: bool = False) -> str | None:
        """An address of MLflow's own as the address of the storage behind it; any other is taken
        from a registry alone."""
        if logged := logged_model(location):
            found = self._server.find(self._client.get_logged_model, logged)
            return str(found.artifact_location) if found is not None else None
        if location and location.startswith("runs:/"):
            run = self._server.find(
                self._client.get_run, location.removeprefix("runs:/").partition("/")[0]
            )
            if run is not None:
                self._artifacts.must_be_ours(str(run.info.artifact_uri))
            return location if run is not None else None
        if location and not seen:
            raise RegistryFailure(
                f"What is at {without_credentials(location)} is read once it is registered."
            )
        return location
