"""Where a version's artifacts are: MLflow's own addresses (`models:/…`, `runs:/…`) resolved to
addresses of the storage behind them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from mlflow_gitops.core.observed.model import ObservedVersion
from mlflow_gitops.core.secrets import shown_source
from mlflow_gitops.edges.mlflow.artifacts.reader import Artifacts
from mlflow_gitops.edges.mlflow.listing import logged_model
from mlflow_gitops.edges.mlflow.server import Server
from mlflow_gitops.errors import RegistryFailure

if TYPE_CHECKING:
    from mlflow import MlflowClient


class ArtifactLocations:
    """The artifact locations of one registry's versions.

    `by_version` is for Unity Catalog, which gives access to artifacts only by the version's own
    name.
    """

    def __init__(
        self, client: MlflowClient, server: Server, artifacts: Artifacts, *, by_version: bool
    ) -> None:
        self._client = client
        self._server = server
        self._artifacts = artifacts
        self._by_version = by_version
        self._locations: dict[str, str] = {}

    def remember(self, source: str, location: str) -> None:
        """Keep the location of a source that was read anyway, to save the request for it."""
        self._locations[source] = location

    def locate(self, model: str, version: ObservedVersion) -> str | None:
        """The URI of a version's artifacts; None if it has none.

        A version without a status is only pinned and not in MLflow yet. Raises RegistryFailure if
        its source is anything but one of MLflow's own addresses.
        """
        is_registered = bool(version.status)
        if is_registered and self._by_version:
            return f"models:/{model}/{version.number}"
        if remembered := self._locations.get(version.source or ""):
            return remembered
        if not is_registered:
            return self._resolve(version.source, is_registered=False)

        download_uri = partial(self._client.get_model_version_download_uri, model)
        location = self._server.find(download_uri, str(version.number))
        return self._resolve(location or version.source, is_registered=True)

    def _resolve(self, location: str | None, *, is_registered: bool) -> str | None:
        if logged_model_id := logged_model(location):
            entity = self._server.find(self._client.get_logged_model, logged_model_id)
            return str(entity.artifact_location) if entity is not None else None

        if location and location.startswith("runs:/"):
            return self._check_run(location)

        # A manifest may name any address, and credentials would be sent there: only what somebody
        # with write access registered in MLflow is read.
        if location and not is_registered:
            raise RegistryFailure(f"{shown_source(location)} is not read before it is registered.")
        return location

    def _check_run(self, location: str) -> str | None:
        """`runs:/…` itself, which MLflow resolves, if the run exists and its artifacts are where
        they may be read."""
        run_id = location.removeprefix("runs:/").partition("/")[0]
        run = self._server.find(self._client.get_run, run_id)
        if run is None:
            return None

        self._artifacts.check_trusted(str(run.info.artifact_uri))
        return location
