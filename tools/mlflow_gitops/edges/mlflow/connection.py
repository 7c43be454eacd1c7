"""A connection to one MLflow: its client, how long it may take, and what kind of registry it is."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from mlflow_gitops.core.observed.server_version import ServerVersion
from mlflow_gitops.edges.mlflow.server import Server, read_settings, write_settings
from mlflow_gitops.edges.mlflow.stores import must_be_ready
from mlflow_gitops.edges.system.left_out import import_mlflow
from mlflow_gitops.errors import RegistryFailure
from mlflow_gitops.settings import DEFAULT_PATIENCE, Patience

if TYPE_CHECKING:
    from mlflow import MlflowClient

_UNITY_CATALOG = "databricks-uc"
_PARALLEL_WRITERS = 8
_VARIABLES = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")


class Connection:
    """One MLflow registry and the tracking server beside it.

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
        """Open the connection. The URIs and the workspace default to MLflow's own variables, then
        to MLflow's own default.

        Nothing is created: a missing SQLite file is an error. `report_slow` is called with a line
        for the user if a server takes long to answer.
        """
        _silence_mlflow()
        read_settings(patience.read_backoff)

        try:
            mlflow = import_mlflow(over_http=_is_over_http(tracking_uri, registry_uri))
        except ImportError as error:
            raise RegistryFailure(
                f"MLflow cannot be loaded: {error}.", fix="Install mlflow-gitops again."
            ) from error

        self.tracking_uri: str = tracking_uri or mlflow.get_tracking_uri()
        self.uri: str = registry_uri or tracking_uri or mlflow.get_registry_uri()
        if workspace is not None:
            _use_workspace(workspace)
        self.workspace = os.environ.get("MLFLOW_WORKSPACE", "")

        self._server = Server(self.uri, report_slow, patience)
        self.display_uri = self._server.shown
        for uri in (self.tracking_uri, self.uri):
            must_be_ready(uri, patience)
        self._client: MlflowClient = self._server.ask(
            mlflow.MlflowClient, self.tracking_uri, self.uri
        )

        _use_tracking_uri(self.tracking_uri)

    @property
    def writers(self) -> int:
        """How many models may be written in parallel: SQLite has one writer at a time."""
        return 1 if self.uri.startswith("sqlite:") else _PARALLEL_WRITERS

    def begin_writing(self) -> None:
        """Send every later request once, without retries: after a failed write, the state is read
        back."""
        write_settings()

    @cached_property
    def version(self) -> ServerVersion:
        """What the server is. It is asked once, when the first decision depends on it."""
        if not self._server.http:
            return ServerVersion()
        from mlflow_gitops.edges.mlflow.rights.permissions import read_version

        return read_version(self.uri)

    @cached_property
    def stageless(self) -> bool:
        """Whether this registry has no stages, as in Unity Catalog.

        Its client also refuses an order in searches, and its searches return neither aliases nor
        tags (MLflow 3.17), so each model is read by itself (RULES R10).
        """
        scheme = self.uri.partition(":")[0]
        if scheme == "uc":
            raise RegistryFailure(
                f"{self.display_uri}: this Unity Catalog server has no stages, aliases or tags"
                " (MLflow 3.17)."
            )
        return scheme.startswith(_UNITY_CATALOG)


def _silence_mlflow() -> None:
    """Keep MLflow's warnings and logs from the user, and send no telemetry.

    MLflow logs a traceback for every database error and warns about stages at each call. What
    matters of these is raised as an exception too, and this tool is about stages.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    warnings.filterwarnings("ignore", category=FutureWarning)
    warnings.filterwarnings("ignore", category=UserWarning)
    # Not logger by logger: alembic and older MLflow (3.4) configure their loggers again whenever a
    # store is opened.
    logging.disable(logging.CRITICAL)


def _use_tracking_uri(uri: str) -> None:
    """Make a URI MLflow's global one: a SQL store that is opened directly resolves `models:/m-…`
    through it, not through its client's (3.17).

    Done by the environment variable, which MLflow sets for it, too. `mlflow.set_tracking_uri` also
    loads what sends traces, which takes as long as the command line.
    """
    import mlflow

    os.environ[_VARIABLES[0]] = uri
    if mlflow.get_tracking_uri() != uri:  # somebody set another before
        mlflow.set_tracking_uri(uri)


def _use_workspace(workspace: str) -> None:
    """Make MLflow's client name a workspace in every request, from every thread.

    Done by the environment variable, which all threads share. `mlflow.set_workspace` sets it for
    the calling thread first (3.17).
    """
    import mlflow

    if not hasattr(mlflow, "set_workspace"):
        raise RegistryFailure(
            f"This MLflow ({mlflow.__version__}) has no workspaces.",
            fix="Install MLflow 3.10 or newer.",
        )
    os.environ["MLFLOW_WORKSPACE"] = workspace


def _is_over_http(tracking_uri: str | None, registry_uri: str | None) -> bool:
    """Whether every address that is known before MLflow is loaded is a server's."""
    tracking, registry = (os.environ.get(name) for name in _VARIABLES)
    addresses = [uri for uri in (tracking_uri or tracking, registry_uri, registry) if uri]
    return bool(addresses) and all(uri.startswith(("http://", "https://")) for uri in addresses)
